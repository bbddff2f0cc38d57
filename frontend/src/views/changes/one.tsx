import { useCallback, useRef, useState } from "preact/hooks";
import { Link, useLocation, useSearch } from "wouter-preact";
import { Problem, newKey } from "../../api/client";
import { fmt, t } from "../../i18n";
import { useKey } from "../../keys";
import { useLive, type Change as Live } from "../../live/stream";
import { routes } from "../../routes";
import { isOurs, project } from "../../state/me";
import { thresholds } from "../../thresholds";
import { Avatar } from "../../ui/avatar";
import { Dialog } from "../../ui/dialog";
import { dropDraft } from "../../ui/drafts";
import { usePage } from "../../ui/page";
import { Severity } from "../../ui/severity";
import { Failed, Loading, NotFound } from "../../ui/states";
import { toast } from "../../ui/toast";
import { keepFocus } from "../focus";
import { readMembers } from "../incident/api";
import { useLoaded } from "../loaded";
import { useGlow } from "../rows";
import { findChange, moveChange, readChange, readStory, type Change, type Line, type Move, type Place, type Verb } from "./api";
import { ClashPanel } from "./clash";
import { EditChange } from "./edit";
import { draftOf, ImplementDialog, RejectDialog } from "./dialogs";
import { Next, Steps } from "./next";
import { Story } from "./story";
import { approvals, validVotes } from "./votes";

const KEYS: Record<Verb | "edit", string> = {
  submit: "s",
  approve: "a",
  reject: "x",
  redraft: "b",
  start: "s",
  implement: "i",
  close: "c",
  edit: "e",
};
/** In the order of the buttons, the one to be expected last. */
const BUTTONS = ["edit", "reject", "redraft", "submit", "approve", "start", "implement", "close"] as const;

/** Somebody was faster than a step with the change. */
interface Clash {
  verb: Verb;
  line: Line | null;
}

/** One change request: what it is, where it stands, what is missing, and what may be done with it. */
export function OneChange({ number }: { number: string }) {
  const { id: projectId, code } = project.value!;
  const isNumber = /^[1-9]\d{0,8}$/.test(number);
  const found = useRef("");
  const load = useCallback(async (): Promise<Change | null> => {
    if (!isNumber) return null;
    if (found.current) return readChange({ project: projectId, change: found.current });
    const change = await findChange(projectId, number);
    found.current = change?.id ?? "";
    return change;
  }, [projectId, number]);
  const { data: change, problem, at, reload, put } = useLoaded(load);
  const isMissing = at !== null && change === null;
  const key = change?.cr_number ?? `CR-${number.padStart(3, "0")}`;

  const isEditing = new URLSearchParams(useSearch()).has("edit");
  usePage(isEditing ? null : change ? `${change.cr_number} ${change.title}` : isMissing ? t("state.notFound") : null);
  useLive(
    projectId,
    reload,
    useCallback((live: Live) => live.id === found.current, []),
  );

  if (isMissing || problem?.status === 404) {
    return (
      <div>
        <NotFound
          sentence={t("change.notFound", { key })}
          action={
            <Link class="btn" href={routes.changes(code)}>
              {t("change.back")}
            </Link>
          }
        />
      </div>
    );
  }
  if (!change) {
    return (
      <div>
        <div class="card">{problem ? <Failed problem={problem} retry={() => void reload()} /> : <Loading rows={7} />}</div>
      </div>
    );
  }
  return (
    <Shown change={change} put={put} reload={reload}>
      {problem && <Failed problem={problem} since={at} retry={() => void reload()} />}
    </Shown>
  );
}

interface ShownProps {
  change: Change;
  put: (change: Change) => void;
  reload: () => Promise<void>;
  children: preact.ComponentChildren;
}

function Shown({ change, put, reload, children }: ShownProps) {
  const { id: projectId, code } = project.value!;
  const place: Place = { project: projectId, change: change.id };
  const key = change.cr_number;
  const path = routes.change(code, change.number);
  const [, go] = useLocation();
  const isEditing = new URLSearchParams(useSearch()).has("edit");
  const [asked, setAsked] = useState<Verb | null>(null);
  // The version that was on the screen when a dialog opened: a step is taken with what its reader has seen.
  const seen = useRef<number | null>(null);
  const [clash, setClash] = useState<Clash | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [size, setSize] = useState(thresholds.api.PAGE_ROWS);
  const version = change.version;
  const story = useLoaded(useCallback(() => readStory(place, size), [projectId, change.id, version, size]));
  const members = useLoaded(useCallback(async () => (isOurs.value ? readMembers(projectId) : []), [projectId]));
  const names = namesOf(change, members.data ?? []);
  const board = (members.data ?? []).filter((member) => member.is_board_member);

  /** Take a step. Raises Problem, but for a clash, which is shown. */
  async function take(verb: Verb, body: object, idempotencyKey: string): Promise<void> {
    try {
      put(await moveChange(place, verb, body, seen.current ?? version, idempotencyKey));
    } catch (error) {
      if (!(error instanceof Problem) || !error.isConflict) throw error;
      seen.current = null;
      await clashed(verb);
      throw error;
    }
    setClash(null);
    toast(t(`change.done.${verb}`, { key }));
    keepFocus();
  }

  async function clashed(verb: Verb): Promise<void> {
    const [, { lines }] = await Promise.all([reload(), readStory(place, 1)]);
    setClash({ verb, line: lines[0] ?? null });
  }

  async function move(verb: Move): Promise<void> {
    if (isBusy) return;
    setBusy(true);
    close(false);
    try {
      await take(verb, {}, newKey());
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!error.isConflict) toast(error.detail || error.title, "bad");
    } finally {
      seen.current = null;
      setBusy(false);
    }
  }

  const edit = () => go(`${path}?edit`);
  const ask = (verb: Verb) => {
    seen.current = version;
    setAsked(verb);
  };
  const clashIn = ({ verb, line }: Clash, sendAgain: () => void) => (
    <ClashPanel
      key={change.version}
      line={line}
      names={names}
      onAgain={may(verb) ? sendAgain : undefined}
      onDiscard={() => {
        dropDraft(draftOf(verb, change));
        setClash(null);
        close();
      }}
    />
  );
  const close = (forgets = true) => {
    if (forgets) seen.current = null;
    setAsked(null);
  };
  const again = () => (isMove(clash!.verb) ? void move(clash!.verb) : ask(clash!.verb));
  const may = (what: string) => change.allowed_actions.includes(what);

  if (isEditing) {
    return (
      <EditChange
        change={change}
        newest={story.data?.lines[0] ?? null}
        onSaved={(saved) => {
          put(saved);
          go(path);
        }}
        onCancel={() => go(path)}
      />
    );
  }

  return (
    <div class="change">
      <header class="change-head">
        <div>
          <div class="sub">
            <Severity value={change.priority} withWord />
            <span>{key}</span>
            <span class={`chip${change.change_type === "emergency" ? " chip-bad" : ""}`}>{t(`changes.type.${change.change_type}`)}</span>
            {change.incidents.map((incident) => (
              <Link key={incident.id} href={routes.incident(code, incident.key.replace(/\D/g, ""))}>
                {t("change.from", { key: incident.key })}
              </Link>
            ))}
          </div>
          <h1 tabIndex={-1}>{change.title}</h1>
          <p class="facts">
            {change.requested_by_name
              ? t("change.asked", { name: change.requested_by_name, when: fmt.moment(change.created_at, project.value!.time_zone) })
              : t("change.askedAlone", { when: fmt.moment(change.created_at, project.value!.time_zone) })}
          </p>
        </div>
        <div class="change-actions">
          {BUTTONS.filter(may).map((verb) => (
            <ActionButton
              key={verb}
              verb={verb}
              isPrimary={verb !== "edit" && verb !== "reject"}
              isBusy={isBusy}
              onClick={() => (verb === "edit" ? edit() : isMove(verb) ? void move(verb) : ask(verb))}
              onKey={() => (verb === "edit" ? edit() : ask(verb))}
            />
          ))}
        </div>
      </header>
      {children}
      {clash && !asked && (
        <ClashPanel line={clash.line} names={names} onAgain={may(clash.verb) ? again : undefined} onDiscard={() => setClash(null)} />
      )}
      <Steps change={change} />
      <div class="change-main">
        <Next change={change} board={board} isBoardKnown={members.data !== null && isOurs.value} />
        {change.status === "rejected" && (
          <section class="card cr-prose" aria-labelledby="why-rejected">
            <h2 id="why-rejected">{t("change.text.rejection_reason")}</h2>
            <p>{change.rejection_reason}</p>
          </section>
        )}
        <section class="card cr-texts">
          {(["description", "impact_assessment", "rollback_plan", "test_evidence"] as const).map((name) => (
            <div key={name} class="cr-prose">
              <h2>{t(`change.text.${name}`)}</h2>
              {change[name] ? <p>{change[name]}</p> : <p class="muted">{t("change.nothingWritten")}</p>}
            </div>
          ))}
        </section>
        <Story loaded={story} names={names} onMore={() => setSize(thresholds.api.MOST_PAGE_ROWS)} />
      </div>
      <aside>
        <Board change={change} board={board} />
        <Details change={change} />
      </aside>
      {asked && isMove(asked) && (
        <Dialog title={t(`change.sure.${asked}`, { key })} onClose={() => close()}>
          <p>{t(`change.sure.why.${asked}`)}</p>
          <div class="form-actions cr-sure">
            <button type="button" class="btn" onClick={() => close()}>
              {t("form.cancel")}
            </button>
            <button type="button" class="btn primary" autofocus onClick={() => void move(asked)}>
              {t(`change.do.${asked}`)}
            </button>
          </div>
        </Dialog>
      )}
      {asked === "reject" && (
        <RejectDialog change={change} send={(body, sent) => take("reject", body, sent).then(() => close())} onClose={() => close()}>
          {(sendAgain) => clash && clashIn(clash, sendAgain)}
        </RejectDialog>
      )}
      {asked === "implement" && (
        <ImplementDialog change={change} send={(body, sent) => take("implement", body, sent).then(() => close())} onClose={() => close()}>
          {(sendAgain) => clash && clashIn(clash, sendAgain)}
        </ImplementDialog>
      )}
    </div>
  );
}

function isMove(verb: Verb | "edit"): verb is Move {
  return verb !== "edit" && verb !== "reject" && verb !== "implement";
}

interface ButtonShown {
  verb: Verb | "edit";
  isPrimary: boolean;
  isBusy: boolean;
  onClick: () => void;
  /** By key a step asks first: a key is easily hit by mistake, and most of them cannot be taken back. */
  onKey: () => void;
}

function ActionButton({ verb, isPrimary, isBusy, onClick, onKey }: ButtonShown) {
  const label = t(`change.do.${verb}`);
  useKey(KEYS[verb], label, onKey);
  return (
    <button
      type="button"
      class={`btn${isPrimary ? " primary" : ""}`}
      aria-keyshortcuts={KEYS[verb]}
      aria-disabled={isBusy}
      onClick={onClick}
    >
      {label} <kbd aria-hidden="true">{KEYS[verb]}</kbd>
    </button>
  );
}

type Member = Awaited<ReturnType<typeof readMembers>>[number];

function namesOf(change: Change, members: readonly Member[]): Map<number, string> {
  const names = new Map(change.votes.map((vote) => [vote.user_id, vote.user_name]));
  for (const member of members) names.set(member.user_id, member.user_name);
  return names;
}

/** Who has voted what, and who has not. */
function Board({ change, board }: { change: Change; board: readonly Member[] }) {
  const zone = project.value!.time_zone;
  const panel = useGlow<HTMLElement>(change.version);
  const voted = new Set(validVotes(change).map((vote) => vote.user_id));
  const isAsked = change.status === "pending_approval";
  const others = board.filter((member) => !voted.has(member.user_id) && member.user_id !== change.requested_by_id);
  return (
    <section class="card panel" ref={panel} aria-labelledby="board">
      <header>
        <h2 id="board">{t("change.board")}</h2>
        <small class="muted">{t("change.boardCount", { approvals: approvals(change), quorum: change.quorum })}</small>
      </header>
      {change.votes.length > 0 ? (
        <ul class="cr-ballots">
          {change.votes.map((vote) => {
            const isVoid = vote.voided_at !== null;
            return (
              <li key={`${vote.user_id} ${vote.created_at}`} class={isVoid ? "cr-void" : undefined}>
                <Avatar name={vote.user_name} />
                <div>
                  <p>
                    {isVoid ? (
                      <del>
                        {vote.user_name} {t(`change.vote.${vote.vote}`)}
                      </del>
                    ) : (
                      <>
                        {vote.user_name} <b class={vote.vote === "approve" ? "ok" : "late"}>{t(`change.vote.${vote.vote}`)}</b>
                      </>
                    )}
                  </p>
                  <small class="muted">{fmt.moment(vote.created_at, zone)}</small>
                  {isVoid && <small class="muted">{t("change.voided", { when: fmt.moment(vote.voided_at!, zone) })}</small>}
                </div>
              </li>
            );
          })}
        </ul>
      ) : (
        <p class="muted">{t("change.noVotes")}</p>
      )}
      {isAsked && others.length > 0 && (
        <>
          <h3 class="cr-quiet">{t("change.stillToVote")}</h3>
          <ul class="cr-ballots">
            {others.map((member) => (
              <li key={member.user_id}>
                <Avatar name={member.user_name} />
                <p>{member.user_name}</p>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Details({ change }: { change: Change }) {
  const { code } = project.value!;
  const day = (value: string | null) => (value ? fmt.day(value, "UTC") : "–");
  return (
    <section class="card panel" aria-labelledby="details">
      <h2 id="details">{t("change.details")}</h2>
      <dl>
        <dt>{t("change.fact.status")}</dt>
        <dd>{t(`changes.status.${change.status}`)}</dd>
        <dt>{t("change.fact.type")}</dt>
        <dd>{t(`changes.type.${change.change_type}`)}</dd>
        <dt>{t("change.fact.module")}</dt>
        <dd>{change.affected_module || "–"}</dd>
        <dt>{t("change.fact.planned")}</dt>
        <dd>{day(change.planned_implementation_date)}</dd>
        {change.actual_implementation_date && (
          <>
            <dt>{t("change.fact.actual")}</dt>
            <dd>{day(change.actual_implementation_date)}</dd>
          </>
        )}
        <dt>{t("change.fact.by")}</dt>
        <dd>{change.requested_by_name ?? "–"}</dd>
        <dt>{t("change.fact.test")}</dt>
        <dd>{t(change.test_required ? "change.test.needed" : "change.test.notNeeded")}</dd>
        <dt>{t("change.fact.incidents")}</dt>
        <dd>
          {change.incidents.length
            ? change.incidents.map((incident) => (
                <Link key={incident.id} href={routes.incident(code, incident.key.replace(/\D/g, ""))}>
                  {incident.key}
                </Link>
              ))
            : "–"}
        </dd>
      </dl>
    </section>
  );
}
