import { useComputed } from "@preact/signals";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Link, useLocation, useSearch } from "wouter-preact";
import { api, call, Problem } from "../../api/client";
import type { Board, BoardIncident } from "../../api/board";
import type { Incident } from "../../api/types";
import { fmt, plural, t, word } from "../../i18n";
import { useKey } from "../../keys";
import { serverNow } from "../../live/clock";
import { routes } from "../../routes";
import { loadBoard } from "../../state/board";
import { me } from "../../state/me";
import { thresholds } from "../../thresholds";
import { Avatar } from "../../ui/avatar";
import { ClockCell } from "../../ui/clock";
import { Dialog } from "../../ui/dialog";
import { Severity } from "../../ui/severity";
import { Empty } from "../../ui/states";
import { toast } from "../../ui/toast";
import { FILTERS, filterOf, isLate, matches, neighbour, type Filter } from "./order";

interface Asked {
  incident: BoardIncident;
  /** Who has it now. */
  holder: string;
}

/** What needs one first: all open incidents, the worst on top, each with its next step. */
export function List({ board }: { board: Board }) {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const filter = filterOf(search);
  const [all, setAll] = useState(false);
  const [current, setCurrent] = useState<string | null>(null);
  const [taken, setTaken] = useState<string | null>(null);
  const [asked, setAsked] = useState<Asked | null>(null);
  const table = useRef<HTMLTableElement>(null);
  const mine = me.value?.user.id ?? 0;
  const now = serverNow.peek();

  const counts = useComputed(() => countsOf(board, mine, serverNow.value)).value.split(" ");
  const found = board.incidents.filter((each) => matches(each, filter, mine, now));
  // What is further down can wait.
  const rows = all ? found : found.slice(0, thresholds.api.PAGE_ROWS);
  const ids = rows.map((each) => each.id);
  const atHand = rows.find((each) => each.id === current) ?? null;

  function show(wanted: Filter) {
    navigate(filter === wanted ? path : `${path}?show=${wanted}`, { replace: true });
  }

  function move(step: 1 | -1) {
    const next = neighbour(ids, current, step);
    setCurrent(next);
    if (next) table.current?.querySelector<HTMLElement>(`a[data-row="${next}"]`)?.focus();
  }

  const take = useCallback(
    async (incident: BoardIncident) => {
      try {
        await call(
          api.POST("/api/v1/projects/{project}/hypercare/incidents/{incident}/assign", {
            params: { path: { project: board.project.id, incident: incident.id } },
            headers: { "If-Match": `"${incident.version}"` },
            body: { assigned_to_id: mine },
          }),
        );
        await loadBoard();
        setTaken(incident.id);
        toast(t("warRoom.taken", { key: incident.key }));
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        void loadBoard();
        if (error.status !== 412) {
          toast(error.detail || error.title, "bad");
          return;
        }
        const now = error.body.current as Incident;
        if (now.assigned_to_id !== null && now.assigned_to_id !== mine) {
          setAsked({ incident: { ...incident, version: now.version }, holder: now.assigned_to_name ?? "" });
        } else {
          toast(t("warRoom.changed", { key: incident.key }), "bad");
        }
      }
    },
    [board.project.id, mine],
  );

  useKey("j", t("rows.next"), () => move(1));
  useKey("k", t("rows.previous"), () => move(-1));
  // A row that moves under the reader loses the focus, and not its place at hand.
  useKey("Enter", t("warRoom.open"), () => {
    if (atHand) navigate(routes.incident(board.project.code, atHand.number));
  });
  useKey("a", t("warRoom.assign"), () => {
    if (!atHand || !board.may.assign || atHand.assigned_to_id === mine) return;
    if (atHand.assigned_to_id === null) void take(atHand);
    else setAsked({ incident: atHand, holder: atHand.assigned_to_name ?? "" });
  });

  return (
    <section class="card list" aria-labelledby="needs-you">
      <header class="list-bar">
        <h2 id="needs-you">{t("warRoom.needsYou")}</h2>
        <div class="list-filters" role="group" aria-label={t("warRoom.show")}>
          {FILTERS.map((each, index) => (
            <button
              key={each}
              type="button"
              class="btn ghost"
              aria-pressed={filter === each}
              onClick={() => show(each)}
            >
              {t(`warRoom.show.${each}`)} {counts[index] !== "0" && <b>{counts[index]}</b>}
            </button>
          ))}
        </div>
        {board.may.report && (
          <Link class="btn primary" href={routes.newIncident(board.project.code)} aria-keyshortcuts="n">
            {t("warRoom.new")} <kbd aria-hidden="true">n</kbd>
          </Link>
        )}
      </header>
      {rows.length ? (
        <table ref={table} role="table" aria-labelledby="needs-you">
          <thead role="rowgroup">
            <tr role="row">
              <th role="columnheader" scope="col" class="c-sev">
                <span class="vh">{t("warRoom.col.severity")}</span>
              </th>
              <th role="columnheader" scope="col">
                {t("warRoom.col.incident")}
              </th>
              <th role="columnheader" scope="col" class="c-who">
                {t("warRoom.col.assignee")}
              </th>
              <th role="columnheader" scope="col" class="c-response">
                {t("warRoom.col.response")}
              </th>
              <th role="columnheader" scope="col" class="c-resolution">
                {t("warRoom.col.resolution")}
              </th>
            </tr>
          </thead>
          <tbody role="rowgroup">
            {rows.map((each) => (
              <Row
                key={each.id}
                incident={each}
                board={board}
                isAtHand={each.id === current}
                isTaken={each.id === taken}
                onHand={setCurrent}
                onTake={take}
              />
            ))}
          </tbody>
        </table>
      ) : (
        <Nothing filter={filter} onAll={() => navigate(path, { replace: true })} />
      )}
      {found.length > rows.length && (
        <button type="button" class="btn ghost list-more" onClick={() => setAll(true)}>
          {t("warRoom.all", { n: fmt.number(found.length) })}
        </button>
      )}
      {board.incidents_left_out > 0 && rows.length === found.length && (
        <p class="list-more muted small">
          {plural("warRoom.leftOut", board.incidents_left_out)}{" "}
          <Link href={routes.incidents(board.project.code)}>{t("warRoom.allIncidents")}</Link>
        </p>
      )}
      {asked && (
        <Dialog title={t("warRoom.takeOver", { key: asked.incident.key })} onClose={() => setAsked(null)}>
          <div class="ask">
            <p>{t("warRoom.takeOver.why", { name: asked.holder })}</p>
            <div class="ask-actions">
              <button type="button" class="btn" onClick={() => setAsked(null)}>
                {t("warRoom.takeOver.no")}
              </button>
              <button
                type="button"
                class="btn primary"
                onClick={() => {
                  setAsked(null);
                  void take(asked.incident);
                }}
              >
                {t("warRoom.takeOver.yes")}
              </button>
            </div>
          </div>
        </Dialog>
      )}
    </section>
  );
}

function countsOf(board: Board, mine: number, now: number): string {
  return FILTERS.map((each) => board.incidents.filter((row) => matches(row, each, mine, now)).length).join(" ");
}

function Nothing({ filter, onAll }: { filter: Filter | null; onAll: () => void }) {
  if (!filter) return <Empty sentence={t("warRoom.calm")} />;
  return (
    <Empty
      sentence={t(`warRoom.calm.${filter}`)}
      action={
        <button type="button" class="btn" onClick={onAll}>
          {t("warRoom.showAll")}
        </button>
      }
    />
  );
}

interface RowShown {
  incident: BoardIncident;
  board: Board;
  isAtHand: boolean;
  isTaken: boolean;
  onHand: (id: string) => void;
  onTake: (incident: BoardIncident) => Promise<void>;
}

function Row({ incident, board, isAtHand, isTaken, onHand, onTake }: RowShown) {
  const late = useComputed(() => isLate(incident, serverNow.value)).value;
  const seen = useRef(incident.version);
  const [isNew, setNew] = useState(false);
  const zone = board.project.time_zone;
  useEffect(() => {
    if (seen.current !== incident.version) setNew(true);
    seen.current = incident.version;
  }, [incident.version]);
  const isUnanswered = incident.response.phase !== "fulfilled";
  const classes = [late && "breach", isUnanswered && "unanswered", isAtHand && "at-hand", (isNew || isTaken) && "glow"]
    .filter(Boolean)
    .join(" ");
  return (
    <tr role="row" class={classes} onAnimationEnd={() => setNew(false)}>
      <td role="cell" class="c-sev">
        <Severity value={incident.severity} />
      </td>
      <td role="cell" class="c-main">
        <p class="row-title">
          <Link
            class="row-link"
            data-row={incident.id}
            href={routes.incident(board.project.code, incident.number)}
            onFocus={() => onHand(incident.id)}
          >
            {incident.title}
          </Link>
        </p>
        <p class="row-sub">
          <span class="row-key">{incident.key}</span>
          {incident.affected_module && <span class="chip">{incident.affected_module}</span>}
          <span class="row-facts">{facts(incident).join(" · ")}</span>
        </p>
      </td>
      <td role="cell" class="c-who">
        <Holder incident={incident} mayTake={board.may.assign} onTake={onTake} />
      </td>
      <td role="cell" class="c-response">
        <ClockCell clock={incident.response} kind="response" zone={zone} risk={board.risk_percent} />
      </td>
      <td role="cell" class="c-resolution">
        <ClockCell clock={incident.resolution} kind="resolution" zone={zone} risk={board.risk_percent} />
      </td>
    </tr>
  );
}

function facts(incident: BoardIncident): string[] {
  const found: string[] = [];
  if (incident.status === "waiting" && incident.waiting_since) {
    const time = fmt.left((serverNow.peek() - Date.parse(incident.waiting_since)) / 1000);
    found.push(
      incident.waiting_owner_name
        ? t("warRoom.waitingFor", { name: incident.waiting_owner_name, time })
        : t("warRoom.waiting", { time }),
    );
  } else {
    found.push(capital(word("status", incident.status)));
  }
  if (incident.affected_users_count) found.push(plural("warRoom.users", incident.affected_users_count));
  else if (incident.incident_type) found.push(word("type", incident.incident_type));
  if (incident.support_level) found.push(incident.support_level);
  return found;
}

function capital(text: string): string {
  return text.charAt(0).toLocaleUpperCase(document.documentElement.lang) + text.slice(1);
}

interface HolderShown {
  incident: BoardIncident;
  mayTake: boolean;
  onTake: (incident: BoardIncident) => Promise<void>;
}

function Holder({ incident, mayTake, onTake }: HolderShown) {
  const [isBusy, setBusy] = useState(false);
  if (incident.assigned_to_id !== null) {
    return (
      <span class="who">
        <Avatar name={incident.assigned_to_name} />
        <span class="who-name">{incident.assigned_to_name}</span>
      </span>
    );
  }
  if (!mayTake) return <span class="muted">{t("warRoom.nobody")}</span>;
  return (
    <button
      type="button"
      class="take"
      aria-disabled={isBusy}
      aria-keyshortcuts="a"
      onClick={() => {
        if (isBusy) return;
        setBusy(true);
        void onTake(incident).finally(() => setBusy(false));
      }}
    >
      <span class="av none" aria-hidden="true">
        +
      </span>
      {isBusy ? t("warRoom.taking") : t("warRoom.take")}
      <span class="vh"> {incident.key}</span>
    </button>
  );
}
