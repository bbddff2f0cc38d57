import { useCallback, useState } from "preact/hooks";
import { Link, useLocation, useSearchParams } from "wouter-preact";
import { fmt, plural, t, word } from "../../i18n";
import { useKey } from "../../keys";
import { serverNow } from "../../live/clock";
import { useLive, type Change as Live } from "../../live/stream";
import { routes } from "../../routes";
import { isOurs, me, project } from "../../state/me";
import { thresholds } from "../../thresholds";
import { usePage } from "../../ui/page";
import { Severity } from "../../ui/severity";
import { Empty, Failed, Loading } from "../../ui/states";
import { useLoaded } from "../loaded";
import { useGlow, useHeldPlace, useMore, useRows } from "../rows";
import { SearchBox } from "../search";
import { readChanges, type Change } from "./api";
import { daysUntil } from "./days";
import { grouped, GROUPS, type Group } from "./groups";
import { approvals } from "./votes";

const COLUMNS = [
  ["priority", "c-sev"],
  ["change", "c-main"],
  ["stand", "c-stand"],
  ["planned", "c-day"],
] as const;

/** The change requests of the project, by what happens next with them. */
export function ChangeList() {
  const { id, code } = project.value!;
  const [address, setAddress] = useSearchParams();
  const [, go] = useLocation();
  const search = address.get("search") ?? "";
  const [size, setSize] = useState(thresholds.page.FINISHED_ROWS);
  const load = useCallback(() => readChanges(id, search, size), [id, search, size]);
  const { data, problem, at, reload } = useLoaded(load);
  const mayDraft = !me.value?.read_only;

  usePage(t("changes.title"));
  useLive(id, reload, concerns);
  useRows();
  useKey("c", t("changes.new"), () => mayDraft && go(routes.newChange(code)));

  useHeldPlace(data, search);
  const beginMore = useMore(data ? data.running.length + data.closed.length : 0);
  const showMore = () => {
    beginMore();
    setSize(size + thresholds.api.PAGE_ROWS);
  };
  const groups = data ? grouped([...data.running, ...data.closed], me.value!.user.id) : null;
  const isEmpty = data !== null && data.running.length + data.closed.length === 0;
  const find = (wanted: string) => setAddress(wanted ? { search: wanted } : {}, { replace: true });
  const newChange = mayDraft && (
    <Link class="btn primary" href={routes.newChange(code)} aria-keyshortcuts="c">
      {t("changes.new")} <kbd aria-hidden="true">c</kbd>
    </Link>
  );

  return (
    <div class="changes">
      <header class="page-head">
        <h1>{t("changes.title")}</h1>
        <SearchBox label={t("changes.search")} hint={t("changes.searchHint")} value={search} onSearch={find} />
        {newChange}
      </header>
      {problem && <Failed problem={problem} since={at} retry={() => void reload()} />}
      {!data && !problem && (
        <div class="card">
          <Loading rows={6} />
        </div>
      )}
      {isEmpty && (
        <div class="card">
          {search ? (
            <Empty
              sentence={t("changes.none", { search })}
              action={
                <button type="button" class="btn" onClick={() => find("")}>
                  {t("changes.clear")}
                </button>
              }
            />
          ) : (
            <Empty sentence={t(isOurs.value ? "changes.empty" : "changes.emptyCustomer")} action={newChange} />
          )}
        </div>
      )}
      {groups &&
        GROUPS.filter((group) => groups[group].length).map((group) => (
          <section key={group} class="card cr-group" aria-labelledby={`group-${group}`}>
            <h2 id={`group-${group}`}>
              {t(`changes.group.${group}`)} <span class="list-count">{groups[group].length}</span>
            </h2>
            <Table group={group} changes={groups[group]} />
            {group === "done" && data?.hasMore && (
              <footer class="rows-more">
                <button type="button" class="btn ghost" onClick={showMore}>
                  {t("changes.more")}
                </button>
              </footer>
            )}
          </section>
        ))}
    </div>
  );
}

function concerns(change: Live): boolean {
  return change.kind === "change";
}

function Table({ group, changes }: { group: Group; changes: Change[] }) {
  return (
    <table class="rows" role="table" aria-labelledby={`group-${group}`}>
      <thead role="rowgroup" class="rows-quiet">
        <tr role="row">
          {COLUMNS.map(([column, kind]) => (
            <th key={column} role="columnheader" class={kind}>
              <span class="vh">{t(`changes.column.${column}`)}</span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {changes.map((change) => (
          <Row key={change.id} change={change} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ change }: { change: Change }) {
  const { code } = project.value!;
  const row = useGlow<HTMLTableRowElement>(change.version);
  const asker = change.requested_by_id === me.value?.user.id ? t("changes.yours") : change.requested_by_name;
  return (
    <tr role="row" ref={row}>
      <td role="cell" class="c-sev">
        <Severity value={change.priority} />
      </td>
      <td role="cell" class="c-main">
        <Link class="title" href={routes.change(code, change.number)} data-row>
          {change.title}
        </Link>
        <div class="sub">
          <span>{change.cr_number}</span>
          <span class={`chip${change.change_type === "emergency" ? " chip-bad" : ""}`}>{t(`changes.type.${change.change_type}`)}</span>
          {change.incidents.map((incident) => (
            <Link key={incident.id} class="sub-link" href={routes.incident(code, incident.key.replace(/\D/g, ""))}>
              {t("changes.from", { key: incident.key })}
            </Link>
          ))}
          {asker && <span class="by">{asker}</span>}
        </div>
      </td>
      <td role="cell" class="c-stand">
        <Stand change={change} />
      </td>
      <td role="cell" class="c-day">
        <PlannedDay change={change} />
      </td>
    </tr>
  );
}

/** Where it stands, in as few words as its state needs. */
function Stand({ change }: { change: Change }) {
  if (change.status === "pending_approval") return <Votes given={approvals(change)} needed={change.quorum} />;
  if (change.status === "draft") {
    return change.rollback_plan ? (
      <span class="muted">{t("changes.ready")}</span>
    ) : (
      <span class="soon">{t("changes.noRollback")}</span>
    );
  }
  const day = change.actual_implementation_date;
  return (
    <span class={change.status === "rejected" ? "late" : change.status === "in_progress" ? "" : "muted"}>
      {word("changes.status", change.status)}
      {day && change.status !== "rejected" && ` · ${fmt.day(day, "UTC")}`}
    </span>
  );
}

/** Votes of a quorum as marks and in words. */
export function Votes({ given, needed }: { given: number; needed: number }) {
  const marks = Array.from({ length: Math.max(given, needed) }, (_, at) => at < given);
  const areDrawn = marks.length <= 6; // not tunable: what fits the column
  return (
    <span class="cr-votes">
      {areDrawn && (
        <span class="cr-vote-marks" aria-hidden="true">
          {marks.map((isGiven, at) => (
            <i key={at} class={isGiven ? "given" : ""} />
          ))}
        </span>
      )}
      {t("changes.votes", { approvals: given, quorum: needed })}
    </span>
  );
}

function PlannedDay({ change }: { change: Change }) {
  const planned = change.planned_implementation_date;
  const isDone = change.actual_implementation_date !== null || change.status === "rejected" || change.status === "closed";
  if (!planned) return isDone ? null : <span class="muted">{t("changes.noDay")}</span>;
  const days = daysUntil(planned, project.value!.time_zone, serverNow.value);
  if (isDone) return <span class="muted">{fmt.day(planned, "UTC")}</span>;
  return (
    <>
      <span>{fmt.day(planned, "UTC")}</span>{" "}
      <small class={days < 0 ? "late" : days === 0 ? "soon" : "muted"}>
        {days === 0 ? t("changes.today") : plural(days < 0 ? "changes.daysLate" : "changes.inDays", Math.abs(days))}
      </small>
    </>
  );
}
