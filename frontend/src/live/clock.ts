import { signal } from "@preact/signals";
import { thresholds } from "../thresholds";
import { SECOND_MS } from "../units";

/** The server's clock here: what countdowns count by. */

/** The newest differences between the server's time and ours, ms. Each is short by the way of the message. */
let differences: number[] = [];

/** The server's time, in ms since 1970; moves each second. */
export const serverNow = signal(Date.now());
/** No live update for too long: what is shown may be old. */
export const isStale = signal(false);

/** The server said what time it is (ms, or ISO 8601). The message that was fastest counts. */
export function correct(at: number | string): void {
  const then = typeof at === "string" ? Date.parse(at) : at;
  if (Number.isNaN(then)) return;
  differences = [...differences, then - Date.now()].slice(-thresholds.page.CLOCK_MESSAGES);
  tick();
}

/** Let `serverNow` move; called once by the application. */
export function startClock(): void {
  setInterval(tick, SECOND_MS);
  document.addEventListener("visibilitychange", tick);
}

/** Forget what the server said: for tests. */
export function resetClock(): void {
  differences = [];
  tick();
}

function tick(): void {
  serverNow.value = Date.now() + (differences.length ? Math.max(...differences) : 0);
}
