/** Where the time of an explained clock went, run on from the moment at which it was read. */

import type { Clock } from "../../ui/clock";
import type { ClockExplained, Stretch } from "./api";

/** The clock at `now` (ms): what was said at `at`, run on in its last stretch. */
export function ticked(clock: ClockExplained, at: string, now: number): Clock {
  const goesOn = clock.phase === "running" && clock.stretches.at(-1)?.counts;
  const since = goesOn ? sinceThen(at, now) : 0;
  const remaining = clock.remaining_seconds - since;
  return {
    ...clock,
    // Without it what is left is counted in the clock's own hours.
    due_at: null,
    elapsed_seconds: clock.elapsed_seconds + since,
    remaining_seconds: remaining,
    breached: clock.breached || remaining <= 0,
  };
}

/** A part of a clock's life in which one thing held. */
export interface Row {
  stretch: Stretch;
  /** The stretch's place among the clock's. */
  place: number;
  why: Stretch["why"] | "over";
  begin: string;
  /** Null when it goes on. */
  end: string | null;
  seconds: number;
}

/** The stretches of a clock at `now` (ms), that in which its target was used up in two. */
export function rowsOf(clock: ClockExplained, at: string, now: number): Row[] {
  const rows: Row[] = [];
  let counted = 0;
  clock.stretches.forEach((stretch, place) => {
    const goesOn = place === clock.stretches.length - 1;
    const seconds = stretch.seconds + (goesOn ? sinceThen(at, now) : 0);
    const fits = stretch.counts ? Math.max(0, Math.min(seconds, clock.target_seconds - counted)) : seconds;
    const over = new Date(Date.parse(stretch.begin) + fits * 1000).toISOString();
    const end = goesOn ? null : stretch.end;
    const isCut = fits < seconds;
    counted += stretch.counts ? seconds : 0;
    if (fits > 0) {
      rows.push({ stretch, place, why: stretch.why, begin: stretch.begin, end: isCut ? over : end, seconds: fits });
    }
    if (isCut) rows.push({ stretch, place, why: "over", begin: over, end, seconds: seconds - fits });
  });
  return rows;
}

function sinceThen(at: string, now: number): number {
  return Math.max(0, (now - Date.parse(at)) / 1000);
}
