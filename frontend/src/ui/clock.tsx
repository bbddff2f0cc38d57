import { fmt, t } from "../i18n";
import { isStale, serverNow } from "../live/clock";
import "./clock.css";

/** A clock as the war room gives it; an incident's own clocks fit too. Durations are seconds. */
export interface Clock {
  phase: string;
  target_seconds: number;
  due_at: string | null;
  elapsed_seconds: number | null;
  remaining_seconds: number | null;
  fulfilled_at: string | null;
  breached: boolean;
}

export type ClockKind = "response" | "resolution";
export type Tone = "ok" | "soon" | "late" | "paused" | "met" | "missed";

/** Seconds that are left at `now` (ms); negative once it is over. A running clock is read by its due moment. */
export function left(clock: Clock, now: number): number {
  if (clock.phase === "running" && clock.due_at) return (Date.parse(clock.due_at) - now) / 1000;
  if (clock.remaining_seconds !== null) return clock.remaining_seconds;
  return clock.target_seconds - (clock.elapsed_seconds ?? 0);
}

/** How a clock looks at `now` (ms); from `risk` percent of its target on, little is left. Without it that is not told. */
export function tone(clock: Clock, now: number, risk?: number): Tone {
  const rest = left(clock, now);
  const isLate = rest <= 0 || (clock.breached && clock.phase !== "running");
  if (clock.phase === "fulfilled") return isLate ? "missed" : "met";
  if (isLate) return "late";
  if (clock.phase === "paused") return "paused";
  return risk !== undefined && rest <= clock.target_seconds * (1 - risk / 100) ? "soon" : "ok";
}

/** The used share of the target, 0 to 1. */
export function used(clock: Clock, now: number): number {
  const share = 1 - left(clock, now) / clock.target_seconds;
  return Math.min(1, Math.max(0, share));
}

/** What a clock says: what counts ("48 min left"), and of what ("of 8 h"). */
export function words(clock: Clock, kind: ClockKind, now: number, zone?: string): { main: string; rest: string } {
  const rest = t("clock.of", { target: fmt.left(clock.target_seconds) });
  const seconds = left(clock, now);
  const amount = fmt.left(Math.abs(seconds));
  switch (tone(clock, now)) {
    case "met":
      return { main: t(`clock.met.${kind}`, { time: fmt.left(clock.elapsed_seconds ?? 0) }), rest };
    case "missed":
      return { main: t(`clock.missed.${kind}`, { time: amount }), rest };
    case "late":
      return { main: t(clock.phase === "paused" ? "clock.pausedLate" : "clock.late", { time: amount }), rest };
    case "paused":
      return { main: t("clock.paused", { time: amount }), rest };
    default:
      // In business hours more wall time than the whole target may be left: then the moment says it better.
      return seconds > clock.target_seconds && clock.due_at
        ? { main: t("clock.due", { at: fmt.moment(clock.due_at, zone) }), rest }
        : { main: t("clock.left", { time: amount }), rest };
  }
}

interface Shown {
  clock: Clock;
  kind: ClockKind;
  /** The zone of the project, for moments; without one the reader's. */
  zone?: string;
  /** The board's `risk_percent`. */
  risk: number;
}

/** A clock in two lines: what is left of how much, and a meter. Stands still and looks so when news has stopped. */
export function ClockCell({ clock, kind, zone, risk }: Shown) {
  const runs = clock.phase === "running";
  const stale = runs && isStale.value;
  const now = runs && !stale ? serverNow.value : serverNow.peek();
  const look = tone(clock, now, risk);
  const { main, rest } = words(clock, kind, now, zone);
  return (
    <span class={`clock clock-${look}${stale ? " clock-stale" : ""}`} title={clock.due_at ? fmt.fully(clock.due_at, zone) : undefined}>
      <span class="clock-words">
        <b>{main}</b> <span class="clock-of">{rest}</span>
        {stale && <span class="vh"> {t("clock.stale")}</span>}
      </span>
      <span class="meter" aria-hidden="true">
        <i style={{ width: `${Math.round(used(clock, now) * 1000) / 10}%` }} />
      </span>
    </span>
  );
}
