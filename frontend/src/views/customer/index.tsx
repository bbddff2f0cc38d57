import type { ComponentChildren } from "preact";
import { useCallback, useRef, useState } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";
import { api, call, newKey, Problem } from "../../api/client";
import type { Board, BoardChange, BoardIncident } from "../../api/board";
import { lengths } from "../../api/lengths";
import type { Incident } from "../../api/types";
import { fmt, plural, t } from "../../i18n";
import { useKey } from "../../keys";
import { isStale, serverNow } from "../../live/clock";
import { useLive, type Change as Live } from "../../live/stream";
import { routes } from "../../routes";
import { board, boardProblem, loadBoard } from "../../state/board";
import { me, project } from "../../state/me";
import { thresholds } from "../../thresholds";
import { Dialog } from "../../ui/dialog";
import { Actions, Form, TextArea, useForm } from "../../ui/form";
import { usePage } from "../../ui/page";
import { Severity } from "../../ui/severity";
import { Empty, Failed, Loading } from "../../ui/states";
import { toast } from "../../ui/toast";
import { keepFocus } from "../focus";
import { useLoaded } from "../loaded";
import { useGlow, useRows } from "../rows";
import { readMine, type Mine } from "./api";
import "./customer.css";

/** What a customer's key user opens: how things are, what waits for them, what we promised, and what was solved. */
export default function Customer() {
  const { id, code } = project.value!;
  const now = board.value;
  const problem = boardProblem.value;
  const [, go] = useLocation();
  const mine = useLoaded(useCallback(() => readMine(id), [id]));
  const mayReport = now?.may.report ?? false;

  usePage(t("customer.title"));
  useLive(id, mine.reload, concerns);
  useRows();
  useKey("n", t("customer.report"), () => mayReport && go(routes.newIncident(code)));

  if (!now) {
    return (
      <div class="customer">
        <h1 class="vh">{t("customer.title")}</h1>
        <div class="card">{problem ? <Failed problem={problem} retry={() => void loadBoard()} /> : <Loading rows={6} />}</div>
      </div>
    );
  }
  const owners = new Map((mine.data?.waiting ?? []).map((each) => [each.id, each.waiting_owner_id]));
  const isForMe = (each: BoardIncident) => owners.get(each.id) === me.value?.user.id;
  // The board and this list are read apart: until it is known for whom a question is, it would jump, and close.
  const isKnown = (each: BoardIncident) => owners.has(each.id) || mine.problem !== null;
  const waiting = now.incidents.filter((each) => each.status === "waiting" && isKnown(each));
  const failed = problem ?? mine.problem;
  const again = () => void Promise.all([loadBoard(), mine.reload()]);
  return (
    <div class="customer">
      <Light board={now}>
        {now.may.report && (
          <Link class="btn primary cv-report" href={routes.newIncident(code)} aria-keyshortcuts="n">
            {t("customer.report")} <kbd aria-hidden="true">n</kbd>
          </Link>
        )}
      </Light>
      {failed && <Failed problem={failed} since={problem ? now.at : mine.at} retry={again} />}
      <Questions name="waiting" incidents={waiting.filter(isForMe)} isForMe reload={mine.reload} />
      <Decide changes={now.changes.filter((change) => change.allowed_actions.includes("approve"))} />
      <Open board={now} />
      <Questions name="others" incidents={waiting.filter((each) => !isForMe(each))} isForMe={false} reload={mine.reload} />
      <Solved board={now} mine={mine.data} reload={mine.reload} />
    </div>
  );
}

function concerns(change: Live): boolean {
  return change.kind === "incident";
}

/** Whether all is well, in words. */
function Light({ board: shown, children }: { board: Board; children: ComponentChildren }) {
  const { light, open_count: open, breached: late, at_risk: close } = shown;
  const sentences = open
    ? [
        `${plural("customer.open", open)}.`,
        ...(late ? [plural("customer.late", late)] : []),
        ...(close ? [plural("customer.close", close)] : []),
        ...(late || close ? [] : [t("customer.inTime")]),
      ]
    : [t("customer.openNone")];
  return (
    <header class={`card cv-light cv-${light}`}>
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d={light === "green" ? "M6 12.5l4 4 8-9" : "M12 6v7.5M12 17v.6"} />
      </svg>
      <div>
        <h1 tabIndex={-1}>{t(`customer.light.${light}`)}</h1>
        <p>{sentences.join(" ")}</p>
        <p class="muted small">{dayOf(shown)}</p>
      </div>
      {children}
    </header>
  );
}

function dayOf({ project: { go_live_day: day, hypercare_ends_on: end } }: Board): string {
  if (day === null) return "";
  const said =
    day === 0 ? t("customer.day.today") : plural(day < 0 ? "customer.day.before" : "customer.day.after", Math.abs(day));
  return end && day >= 0 ? `${said}. ${t("customer.until", { day: fmt.day(end, "UTC") })}` : said;
}

// ---- what waits for them -------------------------------------------------------------------------------------

interface QuestionsShown {
  name: "waiting" | "others";
  incidents: BoardIncident[];
  isForMe: boolean;
  reload: () => Promise<void>;
}

function Questions({ name, incidents, isForMe, reload }: QuestionsShown) {
  if (!incidents.length) return null;
  return (
    <section aria-labelledby={`cv-${name}`}>
      <h2 id={`cv-${name}`}>
        {t(`customer.${name}`)} <span class="cv-count">{incidents.length}</span>
      </h2>
      <ul class="cv-cards">
        {incidents.map((incident) => (
          <Question key={incident.id} incident={incident} isForMe={isForMe} onAnswered={reload} />
        ))}
      </ul>
    </section>
  );
}

function Question({ incident, isForMe, onAnswered }: { incident: BoardIncident; isForMe: boolean; onAnswered: () => Promise<void> }) {
  const { id: projectId, code, time_zone: zone } = project.value!;
  const [isOpen, setOpen] = useState(false);
  const card = useGlow<HTMLLIElement>(incident.version);
  const form = useForm(
    { content: "" },
    {
      draft: `answer:${incident.id}`,
      check: ({ content }) => (content.trim() ? {} : { content: t("customer.needed") }),
      async send({ content }, key) {
        await call(
          api.POST("/api/v1/projects/{project}/hypercare/incidents/{incident}/comments", {
            params: { path: { project: projectId, incident: incident.id } },
            body: { content: content.trim(), is_internal: false },
            headers: { "Idempotency-Key": key },
          }),
        );
        toast(t("customer.sent", { key: incident.key }));
        setOpen(false);
        await Promise.all([loadBoard(), onAnswered()]);
        keepFocus();
      },
    },
  );
  return (
    <li ref={card} class={`card cv-question${isForMe ? " cv-mine" : ""}`}>
      <p class="cv-line">
        <Severity value={incident.severity} />
        <Link href={routes.incident(code, incident.number)} data-row>
          {incident.title}
        </Link>
        <span class="muted small">{incident.key}</span>
      </p>
      <blockquote>
        <p class="muted small">
          {isForMe || !incident.waiting_owner_name
            ? t("customer.asked")
            : t("customer.waitsForOther", { name: incident.waiting_owner_name })}
          {incident.waiting_since && ` · ${t("customer.askedSince", { when: fmt.moment(incident.waiting_since, zone) })}`}
        </p>
        <p>{incident.waiting_reason}</p>
      </blockquote>
      {isOpen ? (
        <Form form={form} label={t("customer.answer")}>
          <TextArea
            form={form}
            name="content"
            label={t("customer.answerLabel")}
            hint={t("customer.answerHint")}
            maxLength={lengths.CommentInputRequest.content}
          />
          <Actions form={form} send={t("customer.send")} onCancel={() => setOpen(false)} />
        </Form>
      ) : (
        !me.value?.read_only && (
          <button type="button" class={`btn${isForMe ? " primary" : ""}`} onClick={() => open()}>
            {t("customer.answer")}
          </button>
        )
      )}
    </li>
  );

  function open() {
    setOpen(true);
    requestAnimationFrame(() => card.current?.querySelector("textarea")?.focus());
  }
}

function Decide({ changes }: { changes: BoardChange[] }) {
  const { code } = project.value!;
  if (!changes.length) return null;
  return (
    <section aria-labelledby="cv-decide">
      <h2 id="cv-decide">
        {t("customer.decide")} <span class="cv-count">{changes.length}</span>
      </h2>
      <p class="muted small">{t("customer.decideHint")}</p>
      <ul class="cv-cards">
        {changes.map((change) => (
          <li key={change.id} class="card cv-change">
            <div>
              <p class="cv-line">
                <Severity value={change.priority} />
                <b>{change.title}</b>
                <span class="muted small">{change.key}</span>
              </p>
              <p class="muted small">
                {[
                  change.planned_implementation_date &&
                    t("customer.planned", { day: fmt.day(change.planned_implementation_date, "UTC") }),
                  t("customer.votes", { approvals: change.approvals, quorum: change.quorum }),
                ]
                  .filter(Boolean)
                  .join(" · ")}
              </p>
            </div>
            <Link class="btn" href={routes.change(code, change.number)} data-row aria-label={`${t("customer.look")}: ${change.title}`}>
              {t("customer.look")}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

// ---- what we promised ----------------------------------------------------------------------------------------

function Open({ board: shown }: { board: Board }) {
  const { code } = project.value!;
  const incidents = shown.incidents.filter((each) => each.status !== "waiting");
  return (
    <section aria-labelledby="cv-open">
      <h2 id="cv-open">{t("customer.mine")}</h2>
      <div class="card">
        {incidents.length === 0 ? (
          <Empty sentence={t(shown.open_count ? "customer.mineWaiting" : "customer.mineNone")} />
        ) : (
          <ul class="cv-list">
            {incidents.map((incident) => (
              <OpenRow key={incident.id} incident={incident} />
            ))}
          </ul>
        )}
        <footer class="cv-more">
          {shown.incidents_left_out > 0 && <span class="muted">{plural("customer.leftOut", shown.incidents_left_out)}</span>}
          <Link href={routes.incidents(code)}>{t("customer.all")}</Link>
        </footer>
      </div>
    </section>
  );
}

function OpenRow({ incident }: { incident: BoardIncident }) {
  const { code } = project.value!;
  const row = useGlow<HTMLLIElement>(incident.version);
  return (
    <li ref={row} class="cv-row">
      <Severity value={incident.severity} />
      <div class="cv-what">
        <Link href={routes.incident(code, incident.number)} data-row>
          {incident.title}
        </Link>
        <p class="muted small">
          {incident.key} · {stateOf(incident)}
        </p>
      </div>
      <Promised incident={incident} />
    </li>
  );
}

function stateOf(incident: BoardIncident): string {
  if (incident.assigned_to_name) return t("customer.state.taken", { name: incident.assigned_to_name });
  return t(incident.status === "open" ? "customer.state.open" : "customer.state.in_progress");
}

/** What was promised for it: until when it is answered, until when it is solved. */
function Promised({ incident }: { incident: BoardIncident }) {
  const isAnswered = incident.response.phase === "fulfilled";
  return (
    <div class="cv-promise">
      {!isAnswered && <Until due={incident.response.due_at} say="customer.answerBy" />}
      <Until due={incident.resolution.due_at} say="customer.solutionBy" />
    </div>
  );
}

function Until({ due, say }: { due: string | null; say: "customer.answerBy" | "customer.solutionBy" }) {
  const { time_zone: zone } = project.value!;
  if (!due) return null;
  // While news has stopped the countdown stands still, and only the promise is said.
  const now = isStale.value ? serverNow.peek() : serverNow.value;
  const seconds = (Date.parse(due) - now) / 1000;
  const isToday = fmt.day(due, zone) === fmt.day(now, zone);
  const when = isToday ? fmt.time(due, zone) : fmt.near(due, zone, now);
  const time = fmt.left(seconds);
  return (
    <p title={fmt.fully(due, zone)}>
      {t(say, { when })}{" "}
      {!isStale.value && (
        <span class={seconds < 0 ? "late small" : "muted small"}>
          {t(seconds < 0 ? "customer.overdue" : "customer.in", { time })}
        </span>
      )}
    </p>
  );
}

// ---- what was solved -----------------------------------------------------------------------------------------

function Solved({ board: shown, mine, reload }: { board: Board; mine: Mine | null; reload: () => Promise<void> }) {
  const [isWhole, setWhole] = useState(false);
  const days = thresholds.page.RECENT_DAYS;
  const user = me.value?.user.id;
  // The board and this list are read apart: what the one has as open already, the other no longer shows as solved.
  const open = new Set(shown.incidents.map((each) => each.id));
  // First those that the reader is asked about.
  const isAsked = (each: Incident) => each.status === "resolved" && each.reported_by_id === user;
  const solved = (mine?.solved ?? [])
    .filter((each) => !open.has(each.id))
    .toSorted((a, b) => Number(isAsked(b)) - Number(isAsked(a)));
  const first = isWhole ? solved : solved.slice(0, Math.max(thresholds.page.FINISHED_ROWS, solved.filter(isAsked).length));
  const list = useRef<HTMLUListElement>(null);
  const showWhole = () => {
    setWhole(true);
    requestAnimationFrame(() => list.current?.querySelectorAll<HTMLElement>("[data-row]")[first.length]?.focus());
  };
  return (
    <section aria-labelledby="cv-solved">
      <h2 id="cv-solved">
        {plural("customer.solved", days)} {solved.length > 0 && <span class="cv-count">{solved.length}</span>}
      </h2>
      <div class="card">
        {!mine ? (
          <Loading rows={2} />
        ) : solved.length === 0 ? (
          <Empty sentence={plural("customer.solvedNone", days)} />
        ) : (
          <ul class="cv-list" ref={list}>
            {first.map((incident) => (
              <SolvedRow key={incident.id} incident={incident} reload={reload} />
            ))}
          </ul>
        )}
        {first.length < solved.length && (
          <footer class="cv-more cv-center">
            <button type="button" class="btn ghost" onClick={showWhole}>
              {t("customer.solvedAll", { n: solved.length })}
            </button>
          </footer>
        )}
      </div>
    </section>
  );
}

function SolvedRow({ incident, reload }: { incident: Incident; reload: () => Promise<void> }) {
  const { id: projectId, code, time_zone: zone } = project.value!;
  const row = useGlow<HTMLLIElement>(incident.version);
  const [isReopening, setReopening] = useState(false);
  const isMine = incident.reported_by_id === me.value?.user.id && !me.value?.read_only;
  const isClosed = incident.status === "closed";
  const at = (isClosed ? incident.closed_at : incident.resolved_at) ?? incident.created_at;
  const place = { project: projectId, incident: incident.id };
  const tag = `"${incident.version}"`;

  async function close(): Promise<void> {
    try {
      await call(
        api.POST("/api/v1/projects/{project}/hypercare/incidents/{incident}/close", {
          params: { path: place },
          headers: { "If-Match": tag, "Idempotency-Key": newKey() },
        }),
      );
      toast(t("customer.closed", { key: incident.key }));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      toast(error.isConflict ? t("customer.stale") : error.detail || error.title, "bad");
    }
    await reload();
    keepFocus();
  }

  const form = useForm(
    { reason: "" },
    {
      draft: `reopen:${incident.id}`,
      check: ({ reason }) => (reason.trim() ? {} : { reason: t("change.needed") }),
      async send({ reason }, key) {
        await call(
          api.POST("/api/v1/projects/{project}/hypercare/incidents/{incident}/reopen", {
            params: { path: place },
            body: { reason: reason.trim() },
            headers: { "Idempotency-Key": key },
          }),
        );
        setReopening(false);
        toast(t("customer.reopened", { key: incident.key }));
        await Promise.all([loadBoard(), reload()]);
      },
    },
  );

  return (
    <li ref={row} class="cv-row cv-solved">
      <svg class="cv-tick" viewBox="0 0 16 16" aria-hidden="true">
        <path d="M3 8.5l3.2 3.2L13 5" />
      </svg>
      <div class="cv-what">
        <Link href={routes.incident(code, incident.number)} data-row>
          {incident.title}
        </Link>
        <p class="muted small">
          {incident.key} · {t(isClosed ? "customer.closedAt" : "customer.solvedAt", { when: fmt.moment(at, zone) })}
        </p>
        {incident.resolution_notes && <p class="cv-notes small">{incident.resolution_notes}</p>}
      </div>
      {isMine && (
        <div class="cv-acts">
          {!isClosed && <span class="muted small">{t("customer.isItGood")}</span>}
          {!isClosed && (
            <button type="button" class="btn" aria-label={`${t("customer.close")}: ${incident.key}`} onClick={() => void close()}>
              {t("customer.close")}
            </button>
          )}
          <button
            type="button"
            class="btn ghost"
            aria-label={`${t(isClosed ? "customer.reopenClosed" : "customer.reopen")} ${incident.key}`}
            onClick={() => setReopening(true)}
          >
            {t(isClosed ? "customer.reopenClosed" : "customer.reopen")}
          </button>
        </div>
      )}
      {isReopening && (
        <Dialog title={t("customer.reopenTitle", { key: incident.key })} onClose={() => setReopening(false)}>
          <Form form={form}>
            <TextArea
              form={form}
              name="reason"
              label={t("customer.reopenReason")}
              hint={t("customer.reopenHint")}
              maxLength={lengths.ReopenInputRequest.reason}
            />
            <Actions form={form} send={t("customer.reopenSend")} onCancel={() => setReopening(false)} />
          </Form>
        </Dialog>
      )}
    </li>
  );
}
