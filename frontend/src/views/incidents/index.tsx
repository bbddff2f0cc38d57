import { useCallback, useMemo, useState } from "preact/hooks";
import { Link, useLocation, useSearchParams } from "wouter-preact";
import { fmt, plural, t } from "../../i18n";
import { useKey } from "../../keys";
import { serverNow } from "../../live/clock";
import { useLive, type Change as Live } from "../../live/stream";
import { routes } from "../../routes";
import { board } from "../../state/board";
import { isOurs, me, project } from "../../state/me";
import { thresholds } from "../../thresholds";
import { Avatar } from "../../ui/avatar";
import { ClockCell } from "../../ui/clock";
import { usePage } from "../../ui/page";
import { Severity } from "../../ui/severity";
import { Empty, Failed, Loading } from "../../ui/states";
import { useLoaded } from "../loaded";
import { useGlow, useHeldPlace, useMore, useRows } from "../rows";
import { SearchBox } from "../search";
import { fileOf, queryOf, readIncidents, type Incident } from "./api";
import { Filters, withValues } from "./filters";
import "../lists.css";
import "./incidents.css";

const PAGE = thresholds.api.PAGE_ROWS;

/** All incidents of the project, by the filters in the address. */
export default function Incidents() {
  const { id, code } = project.value!;
  const [address, setAddress] = useSearchParams();
  const [, go] = useLocation();
  const asked = address.toString();
  const query = useMemo(() => queryOf(new URLSearchParams(asked), me.value!.user.id), [asked]);
  // How many are shown belongs to the filters: others begin anew.
  const [more, setMore] = useState({ asked, size: PAGE });
  const size = more.asked === asked ? more.size : PAGE;
  const { data, problem, at, reload } = useLoaded(useCallback(() => readIncidents(id, query, size), [id, query, size]));
  useHeldPlace(data, asked);
  const beginMore = useMore(data?.incidents.length ?? 0);
  const mayReport = !me.value?.read_only;
  const isFiltered = Object.keys(query).some((name) => name !== "ordering");

  usePage(t("incidents.title"));
  useLive(id, reload, concerns);
  useRows();
  useKey("n", t("incidents.new"), () => mayReport && go(routes.newIncident(code)));

  const showMore = () => {
    beginMore();
    setMore({ asked, size: size + PAGE });
  };
  const clear = () => setAddress({}, { replace: true });
  const newIncident = mayReport && (
    <Link class="btn primary" href={routes.newIncident(code)} aria-keyshortcuts="n">
      {t("incidents.new")} <kbd aria-hidden="true">n</kbd>
    </Link>
  );
  return (
    <div class="incidents">
      <header class="page-head">
        <h1 tabIndex={-1}>{t("incidents.title")}</h1>
        {data && (
          <span class="muted" role="status">
            {data.hasMore ? t("incidents.shownSome", { n: data.incidents.length }) : plural("incidents.shown", data.incidents.length)}
          </span>
        )}
        <SearchBox
          label={t("incidents.search")}
          hint={t("incidents.searchHint")}
          value={address.get("search") ?? ""}
          onSearch={(wanted) => setAddress((before) => withValues(before, "search", [wanted]), { replace: true })}
        />
        {isOurs.value && (
          <span class="list-files">
            <a class="btn ghost" href={fileOf(id, query, "csv")} download aria-label={t("incidents.csvLabel")}>
              {t("incidents.csv")}
            </a>
            <a class="btn ghost" href={fileOf(id, query, "xlsx")} download aria-label={t("incidents.xlsxLabel")}>
              {t("incidents.xlsx")}
            </a>
          </span>
        )}
        {newIncident}
      </header>
      <section class="card">
        <Filters address={address} setAddress={setAddress} incidents={data?.incidents ?? []} isFiltered={isFiltered} />
        {problem && <Failed problem={problem} since={at} retry={() => void reload()} />}
        {!data && !problem && <Loading rows={8} />}
        {data?.incidents.length === 0 &&
          (isFiltered ? (
            <Empty
              sentence={t("incidents.none")}
              action={
                <button type="button" class="btn" onClick={clear}>
                  {t("incidents.clear")}
                </button>
              }
            />
          ) : (
            <Empty sentence={t("incidents.empty")} action={newIncident} />
          ))}
        {data && data.incidents.length > 0 && <Table incidents={data.incidents} />}
        {data?.hasMore && (
          <footer class="rows-more">
            <button type="button" class="btn ghost" onClick={showMore}>
              {t("incidents.more")}
            </button>
          </footer>
        )}
      </section>
    </div>
  );
}

function concerns(change: Live): boolean {
  return change.kind === "incident";
}

function Table({ incidents }: { incidents: Incident[] }) {
  return (
    <table class="rows" role="table" aria-label={t("incidents.title")}>
      <thead role="rowgroup">
        <tr role="row">
          <th role="columnheader" class="c-sev">
            <span class="vh">{t("incidents.column.severity")}</span>
          </th>
          <th role="columnheader">{t("incidents.column.incident")}</th>
          <th role="columnheader" class="c-state">
            {t("incidents.column.state")}
          </th>
          <th role="columnheader" class="c-who">
            {t("incidents.column.assignee")}
          </th>
          <th role="columnheader" class="c-clock">
            {t("incidents.column.clock")}
          </th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        {incidents.map((incident) => (
          <Row key={incident.id} incident={incident} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ incident }: { incident: Incident }) {
  const { code, time_zone: zone } = project.value!;
  const row = useGlow<HTMLTableRowElement>(incident.version);
  const isDone = incident.status === "resolved" || incident.status === "closed";
  const isLate = !isDone && (incident.sla_response_breached || incident.sla_resolution_breached);
  const users = incident.affected_users_count;
  return (
    <tr role="row" ref={row} class={isLate ? "breach" : isDone ? "done" : ""}>
      <td role="cell" class="c-sev">
        <Severity value={incident.severity} />
      </td>
      <td role="cell" class="c-main">
        <Link class="title" href={routes.incident(code, incident.number)} data-row>
          {incident.title}
        </Link>
        <div class="sub">
          <span>{incident.key}</span>
          {incident.affected_module && <span class="chip">{incident.affected_module}</span>}
          {incident.incident_type && <span class="sub-extra">{t(`type.${incident.incident_type}`)}</span>}
          {users !== null && users > 0 && <span class="sub-extra">{plural("incidents.users", users)}</span>}
          {incident.support_level && <span>{incident.support_level}</span>}
          <span class="sub-extra" title={fmt.fully(incident.created_at, zone)}>
            {t("incidents.reportedAgo", { ago: fmt.ago(incident.created_at, serverNow.peek()) })}
          </span>
        </div>
      </td>
      <td role="cell" class="c-state">
        {incident.status === "waiting" && !isOurs.value ? t("incidents.waitsForAnswer") : t(`status.${incident.status}`)}
      </td>
      <td role="cell" class="c-who">
        <span class="who">
          <Avatar name={incident.assigned_to_name} />
          {incident.assigned_to_name ?? <span class="muted">{t("incidents.nobody")}</span>}
        </span>
      </td>
      <td role="cell" class="c-clock">
        {isDone ? <Done incident={incident} /> : <NextTarget incident={incident} />}
      </td>
    </tr>
  );
}

/** How it ended, and whether in time. */
function Done({ incident }: { incident: Incident }) {
  const isClosed = incident.status === "closed";
  const at = (isClosed ? incident.closed_at : incident.resolved_at) ?? incident.created_at;
  const ago = fmt.ago(at, serverNow.peek());
  return (
    <span class="small muted" title={fmt.fully(at, project.value!.time_zone)}>
      {t(isClosed ? "incidents.closedAgo" : "incidents.resolvedAgo", { ago })}
      {" · "}
      {incident.sla_resolution_breached ? <span class="late">{t("incidents.wasLate")}</span> : t("incidents.inTime")}
    </span>
  );
}

/** The clock that ends next: exactly, as far as the war room shows the incident, else by its deadline. */
function NextTarget({ incident }: { incident: Incident }) {
  const { time_zone: zone } = project.value!;
  const kind = incident.first_response_at === null ? "response" : "resolution";
  const shown = board.value;
  const known = shown?.incidents.find((each) => each.id === incident.id);
  if (shown && known) {
    return (
      <>
        <small class="inc-clock-name">{t(`incidents.${kind}`)}</small>
        <ClockCell clock={known[kind]} kind={kind} zone={zone} risk={shown.risk_percent} />
      </>
    );
  }
  const due = kind === "response" ? incident.sla_response_deadline : incident.sla_resolution_deadline;
  if (!due) return <span class="small muted">{t("incidents.paused")}</span>;
  const seconds = (Date.parse(due) - serverNow.value) / 1000;
  const time = fmt.left(seconds);
  return (
    <>
      <small class="inc-clock-name">{t(`incidents.${kind}`)}</small>
      <span class={`small${seconds < 0 ? " late" : ""}`} title={fmt.fully(due, zone)}>
        {t(seconds < 0 ? "incidents.late" : "incidents.due", { time })}
      </span>
    </>
  );
}
