import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { api, call, newKey, Problem } from "../../api/client";
import type { Board, BoardChange } from "../../api/board";
import { lengths } from "../../api/lengths";
import type { Change } from "../../api/types";
import { fmt, plural, t, word } from "../../i18n";
import { routes } from "../../routes";
import { loadBoard } from "../../state/board";
import { me } from "../../state/me";
import { thresholds } from "../../thresholds";
import { Dialog } from "../../ui/dialog";
import { Form, TextArea, useForm } from "../../ui/form";
import { Severity } from "../../ui/severity";
import { toast } from "../../ui/toast";

/** Somebody changed a request while one decided: how it is now, and what one wanted to do. */
interface Moved {
  before: BoardChange;
  now: Change;
  verb: "approve" | "reject";
  reason: string;
}

/** The change requests that wait for the reader's vote, and what the others are about. */
export function Waiting({ board }: { board: Board }) {
  const [rejecting, setRejecting] = useState<BoardChange | null>(null);
  const [moved, setMoved] = useState<Moved | null>(null);
  const [busy, setBusy] = useState<string | null>(null);
  const yours = board.changes.filter((each) => each.allowed_actions.includes("approve"));
  const others = board.changes.filter((each) => !yours.includes(each) && each.status !== "draft");
  const most = thresholds.page.PANEL_ROWS;

  /** Votes on the version that was shown. Raises Problem, except that somebody was faster: that is shown. */
  async function vote(change: BoardChange, verb: "approve" | "reject", version: number, reason = "", key = newKey()) {
    const params = { path: { project: board.project.id, change: change.id } };
    const headers = { "If-Match": `"${version}"`, "Idempotency-Key": key };
    try {
      if (verb === "approve") {
        await call(api.POST("/api/v1/projects/{project}/hypercare/change-requests/{change}/approve", { params, headers }));
      } else {
        await call(
          api.POST("/api/v1/projects/{project}/hypercare/change-requests/{change}/reject", {
            params,
            headers,
            body: { reason },
          }),
        );
      }
      setRejecting(null);
      setMoved(null);
      toast(t(verb === "approve" ? "warRoom.approved" : "warRoom.rejected", { key: change.key }));
      await loadBoard();
    } catch (error) {
      if (!(error instanceof Problem) || !error.isConflict) throw error;
      const now = await call(api.GET("/api/v1/projects/{project}/hypercare/change-requests/{change}", { params }));
      setRejecting(null);
      setMoved({ before: change, now, verb, reason });
      void loadBoard();
    }
  }

  async function approve(change: BoardChange, version = change.version) {
    if (busy) return;
    setBusy(change.id);
    try {
      await vote(change, "approve", version);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      toast(error.detail || error.title, "bad");
    } finally {
      setBusy(null);
    }
  }

  return (
    <section class="card panel" aria-labelledby="waiting">
      <header>
        <h2 id="waiting">{t("warRoom.waitingForYou")}</h2>
        <small class="muted">{t("warRoom.quorum", { n: board.project.change_quorum })}</small>
      </header>
      {!yours.length && <p class="muted small">{t("warRoom.noneWaits")}</p>}
      {yours.map((each) => (
        <article key={each.id} class="vote" aria-labelledby={`vote-${each.id}`}>
          <Summary change={each} board={board} />
          <p class="muted small">{standing(each, board)}</p>
          <div class="vote-acts">
            <button type="button" class="btn primary" aria-disabled={busy === each.id} onClick={() => void approve(each)}>
              {t("warRoom.approve")}
              <span class="vh"> {each.key}</span>
            </button>
            <button type="button" class="btn" onClick={() => setRejecting(each)}>
              {t("warRoom.reject")}
              <span class="vh"> {each.key}</span>
            </button>
          </div>
        </article>
      ))}
      {others.slice(0, most).map((each) => (
        <article key={each.id} class="vote" aria-labelledby={`vote-${each.id}`}>
          <Summary change={each} board={board} />
          <p class="muted small">{standing(each, board)}</p>
        </article>
      ))}
      {others.length > most && (
        <Link class="small" href={routes.changes(board.project.code)}>
          {plural("warRoom.moreChanges", others.length - most)}
        </Link>
      )}
      {rejecting && (
        <Reject
          change={rejecting}
          onClose={() => setRejecting(null)}
          send={(reason, key) => vote(rejecting, "reject", rejecting.version, reason, key)}
        />
      )}
      {moved && (
        <Conflict
          moved={moved}
          onClose={() => setMoved(null)}
          onAgain={() => {
            if (moved.verb === "approve") void approve(moved.before, moved.now.version).then(() => setMoved(null));
            else {
              setMoved(null);
              setRejecting({ ...moved.before, version: moved.now.version, title: moved.now.title });
            }
          }}
        />
      )}
    </section>
  );
}

function Summary({ change, board }: { change: BoardChange; board: Board }) {
  return (
    <>
      <p class="row-sub">
        <Severity value={change.priority} />
        <span>{change.key}</span>
        <span class="chip">{word("changes.type", change.change_type)}</span>
        {change.incident_key && <span>{t("warRoom.from", { key: change.incident_key })}</span>}
      </p>
      <h3 id={`vote-${change.id}`} class="vote-title">
        <Link href={routes.change(board.project.code, change.number)}>{change.title}</Link>
      </h3>
    </>
  );
}

/** "1 of 2 approved · planned Sat, 21 Nov" */
function standing(change: BoardChange, board: Board): string {
  const found: string[] = [];
  if (change.status === "pending_approval") {
    if (change.requested_by_id === me.value?.user.id) found.push(t("warRoom.yours"));
    found.push(t("warRoom.votes", { n: change.approvals, of: change.quorum || board.project.change_quorum }));
  } else {
    found.push(word("changeStatus", change.status));
  }
  if (change.planned_implementation_date) {
    found.push(t("warRoom.planned", { day: planned(change.planned_implementation_date) }));
  }
  return found.join(" · ");
}

function planned(day: string | null): string {
  return day ? fmt.day(`${day}T12:00:00Z`, "UTC") : "–";
}

interface RejectShown {
  change: BoardChange;
  onClose: () => void;
  send: (reason: string, key: string) => Promise<void>;
}

function Reject({ change, onClose, send }: RejectShown) {
  const form = useForm(
    { reason: "" },
    {
      draft: `reject:${change.id}`,
      check: ({ reason }) => (reason.trim() ? {} : { reason: t("warRoom.reject.needed") }),
      send: ({ reason }, key) => send(reason.trim(), key),
    },
  );
  return (
    <Dialog title={t("warRoom.reject.title", { key: change.key })} onClose={onClose}>
      <Form form={form}>
        <p class="muted">{change.title}</p>
        <TextArea
          form={form}
          name="reason"
          label={t("warRoom.reject.reason")}
          hint={t("warRoom.reject.hint")}
          rows={4}
          maxLength={lengths.RejectInputRequest.reason}
        />
        {form.failure && (
          <p class="form-failure" role="alert">
            {form.failure}
          </p>
        )}
        <div class="form-actions">
          <button type="button" class="btn" onClick={onClose}>
            {t("warRoom.cancel")}
          </button>
          <button class="btn primary" data-busy={form.isBusy || undefined}>
            {t("warRoom.reject.send")}
          </button>
        </div>
      </Form>
    </Dialog>
  );
}

interface ConflictShown {
  moved: Moved;
  onClose: () => void;
  onAgain: () => void;
}

/** What is different now, and whether one still wants to. */
function Conflict({ moved, onClose, onAgain }: ConflictShown) {
  const { before, now, verb } = moved;
  const approvals = now.votes.filter((vote) => vote.vote === "approve" && !vote.voided_at).length;
  const rows: [string, string, string][] = [
    [t("warRoom.conflict.title"), before.title, now.title],
    [t("warRoom.conflict.status"), word("changeStatus", before.status), word("changeStatus", now.status)],
    [t("warRoom.conflict.approvals"), String(before.approvals), String(approvals)],
    [
      t("warRoom.conflict.planned"),
      planned(before.planned_implementation_date),
      planned(now.planned_implementation_date),
    ],
  ];
  const different = rows.filter(([, was, is]) => was !== is);
  const mayAgain = now.allowed_actions.includes(verb);
  return (
    <Dialog title={t("warRoom.conflict", { key: before.key })} onClose={onClose}>
      <div class="ask">
        <p>{t(different.length ? "warRoom.conflict.why" : "warRoom.conflict.text")}</p>
        {different.length > 0 && (
          <table class="versions">
            <thead>
              <tr>
                <td />
                <th scope="col">{t("warRoom.conflict.before")}</th>
                <th scope="col">{t("warRoom.conflict.now")}</th>
              </tr>
            </thead>
            <tbody>
              {different.map(([name, was, is]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{was}</td>
                  <td>{is}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {!mayAgain && <p class="muted">{t("warRoom.conflict.over")}</p>}
        <div class="ask-actions">
          <button type="button" class="btn" onClick={onClose}>
            {t("warRoom.conflict.leave")}
          </button>
          {mayAgain && (
            <button type="button" class="btn primary" onClick={onAgain}>
              {t(verb === "approve" ? "warRoom.conflict.approve" : "warRoom.conflict.reject")}
            </button>
          )}
        </div>
      </div>
    </Dialog>
  );
}
