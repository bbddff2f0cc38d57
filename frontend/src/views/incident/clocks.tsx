import { useState } from "preact/hooks";

import { fmt, t } from "../../i18n";
import { isStale, serverNow } from "../../live/clock";
import { board } from "../../state/board";
import { thresholds } from "../../thresholds";
import { type ClockKind, left, tone, words } from "../../ui/clock";
import { Dialog } from "../../ui/dialog";
import { Moment, momentOf, spanOf } from "../../ui/moment";
import { ClockStrip, type Segment } from "../../ui/strip";
import type { ClockExplained, Clocks, Event, Incident, Stretch } from "./api";
import { type Row, rowsOf, ticked } from "./passages";

interface Shown {
  clocks: Clocks;
  incident: Incident;
  events: Event[];
  zone: string;
}

const WHY_KINDS = {
  running: "ran",
  over: "over",
  paused: "paused",
  outside_hours: "closed",
  fulfilled: "after",
} as const satisfies Record<Row["why"], Segment["kind"]>;

/** Both clocks of the incident, each with a strip that says where its time went. */
export function ClockCards({ clocks, incident, events, zone }: Shown) {
  return (
    <div class="clocks">
      {clocks.clocks.map((clock) => (
        <ClockCard key={clock.clock} clock={clock} at={clocks.at} incident={incident} events={events} zone={zone} />
      ))}
    </div>
  );
}

interface CardShown extends Omit<Shown, "clocks"> {
  clock: ClockExplained;
  at: string;
}

function ClockCard({ clock, at, incident, events, zone }: CardShown) {
  const [open, setOpen] = useState<number | null>(null);
  const kind: ClockKind = clock.clock;
  const runs = clock.phase === "running";
  const stale = runs && isStale.value;
  const now = runs && !stale ? serverNow.value : serverNow.peek();
  const shown = ticked(clock, at, now);
  const look = tone(shown, now, board.value?.risk_percent);
  const { main, rest } = words(shown, kind, now, zone);
  const segments = segmentsOf(rowsOf(clock, at, now), events, zone);
  const remaining = left(shown, now);
  const unused = Math.max(0, remaining);
  const name = t(`clockName.${kind}`);
  const end = endOf(clock, kind, incident, events, zone);
  return (
    <section class={`card clockcard clock-${look}${stale ? " clock-stale" : ""}`} aria-label={name}>
      <h2>{name}</h2>
      <p class="clock-big">
        <b>{main}</b> <small class="clock-of">{rest}</small>
      </p>
      <ClockStrip
        segments={segments}
        rest={unused}
        label={`${name}: ${main} ${rest}`}
        onPick={setOpen}
      />
      <ul class="legend">
        {legendOf(segments).map((each) => (
          <li key={each.id}>
            <button type="button" onClick={() => setOpen(each.id)}>
              <i class={`seg-${each.kind}`} />
              {each.label}
            </button>
          </li>
        ))}
        {end && (
          <li class="legend-end">
            {end}
          </li>
        )}
        {runs && clock.due_at && remaining > 0 && (
          <li class="legend-end" title={fmt.fully(clock.due_at, zone)}>
            {t("clocks.dueAt", { at: momentOf(clock.due_at, zone) })}
          </li>
        )}
      </ul>
      <button type="button" class="linklike small" onClick={() => setOpen(0)}>
        {t("clocks.every")}
      </button>
      {open !== null && (
        <EveryMinute
          clock={clock}
          at={at}
          now={now}
          events={events}
          zone={zone}
          picked={open}
          onClose={() => setOpen(null)}
        />
      )}
    </section>
  );
}

/** The parts of the strip: all that happened to the clock until it was fulfilled. */
function segmentsOf(rows: Row[], events: Event[], zone: string): Segment[] {
  const until = rows.at(-1)?.why === "fulfilled" ? rows.slice(0, -1) : rows;
  return until.map((row) => ({
    id: row.place,
    kind: WHY_KINDS[row.why],
    seconds: row.seconds,
    label: labelOf(row, events, zone),
  }));
}

/** A part of a clock's life in words. */
function labelOf({ stretch, why, begin, end, seconds }: Row, events: Event[], zone: string): string {
  const time = fmt.left(seconds);
  const at = momentOf(begin, zone);
  switch (why) {
    case "running":
      return t(end === null ? "clocks.runs" : "clocks.ran", { time });
    case "over":
      return t("clocks.over", { at });
    case "outside_hours":
      return t("clocks.closed", { time });
    case "fulfilled":
      return t("clocks.why.fulfilled");
    case "paused": {
      const name = pausedBy(stretch, events);
      if (end === null) return name ? t("clocks.isPausedBy", { time, name, at }) : t("clocks.isPaused", { time, at });
      const span = spanOf(begin, end, zone);
      return name ? t("clocks.pausedThenBy", { time, name, span }) : t("clocks.pausedThen", { time, span });
    }
  }
}

/** Who paused the clock then, by the journal; empty when it does not say. */
function pausedBy(stretch: Stretch, events: Event[]): string {
  const begun = events.find((event) => event.verb === "incident.waiting" && event.at === stretch.begin);
  return begun?.by.name ?? "";
}

/** What the strip's parts mean; of very many, one line a kind. */
function legendOf(segments: Segment[]): Segment[] {
  const over = segments.find((each) => each.kind === "over");
  const named = segments.filter((each) => each.kind !== "after" && (each.kind !== "over" || each === over));
  if (named.length <= thresholds.page.PANEL_ROWS) return named;
  const kinds = [...new Set(named.map((each) => each.kind))];
  return kinds.map((kind) => {
    const its = named.filter((each) => each.kind === kind);
    const time = fmt.left(its.reduce((sum, each) => sum + each.seconds, 0));
    const label =
      kind === "over"
        ? its[0]!.label
        : t(kind === "ran" ? "clocks.ran" : kind === "paused" ? "clocks.paused" : "clocks.closed", { time });
    return { ...its[0]!, label };
  });
}

/** How a fulfilled clock ended, in words; empty while it goes on. */
function endOf(clock: ClockExplained, kind: ClockKind, incident: Incident, events: Event[], zone: string): string {
  if (clock.phase !== "fulfilled" || !clock.fulfilled_at) return "";
  const verbs = kind === "response" ? ["incident.first_response", "incident.resolved"] : ["incident.resolved"];
  const name = events.findLast((event) => verbs.includes(event.verb) && event.at === clock.fulfilled_at)?.by.name;
  const at = momentOf(clock.fulfilled_at, zone);
  if (kind === "resolution") return name ? t("clocks.resolvedBy", { name, at }) : t("clocks.resolved", { at });
  const span = spanOf(incident.created_at, clock.fulfilled_at, zone);
  return name ? t("clocks.answeredBy", { span, name }) : t("clocks.answered", { span });
}

interface EveryShown {
  clock: ClockExplained;
  at: string;
  now: number;
  events: Event[];
  zone: string;
  picked: number;
  onClose: () => void;
}

/** Every stretch of a clock, with why it counts or not, and who paused it; then its events. */
function EveryMinute({ clock, at, now, events, zone, picked, onClose }: EveryShown) {
  const rows = rowsOf(clock, at, now);
  return (
    <Dialog wide title={t("clocks.everyTitle", { clock: t(`clockName.${clock.clock}`) })} onClose={onClose}>
      <div class="every">
        <p class="muted small">
          {t("clocks.summary", {
            counted: fmt.left(clock.counted_seconds),
            uncounted: fmt.left(clock.uncounted_seconds),
            target: fmt.left(clock.target_seconds),
          })}
        </p>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("clocks.from")}</th>
              <th scope="col">{t("clocks.to")}</th>
              <th scope="col" class="num">
                {t("clocks.length")}
              </th>
              <th scope="col">{t("clocks.what")}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ stretch, place, why, begin, end, seconds }) => {
              const by = why === "paused" ? pausedBy(stretch, events) : "";
              return (
                <tr key={`${place} ${why}`} class={place === picked ? "picked" : ""}>
                  <td>
                    <Moment at={begin} zone={zone} />
                  </td>
                  <td>{end === null ? t("clocks.now") : <Moment at={end} zone={zone} />}</td>
                  <td class="num">{fmt.left(seconds)}</td>
                  <td>
                    <i class={`dot-why seg-${WHY_KINDS[why]}`} />
                    {by ? t("clocks.pausedBy", { name: by }) : t(`clocks.why.${why}`)}
                    {stretch.calendar && <span class="muted"> · {t("clocks.hours", { calendar: stretch.calendar })}</span>}
                    {stretch.reason && <q>{stretch.reason}</q>}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
        <h3>{t("clocks.events")}</h3>
        <ol>
          {clock.events.map((event) => (
            <li key={event.seq}>
              <Moment at={event.at} zone={zone} /> <span>{eventWords(event)}</span>
            </li>
          ))}
        </ol>
      </div>
    </Dialog>
  );
}

function eventWords(event: ClockExplained["events"][number]): string {
  const target = fmt.left((event.target_minutes ?? 0) * 60);
  if (event.kind === "start") return t("clocks.event.start", { target });
  if (event.kind !== "retarget") return t(`clocks.event.${event.kind}`);
  return event.target_minutes_before
    ? t("clocks.event.retarget", { target, before: fmt.left(event.target_minutes_before * 60) })
    : t("clocks.event.retargetNew", { target });
}
