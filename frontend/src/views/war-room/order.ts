import type { Board, BoardIncident } from "../../api/board";
import { tone } from "../../ui/clock";

/** What the list of the war room shows, and which row is at hand. */

export const FILTERS = ["mine", "breached", "unassigned"] as const;
export type Filter = (typeof FILTERS)[number];

/** The filter of `?show=`, null for anything that is none. */
export function filterOf(search: string): Filter | null {
  const wanted = new URLSearchParams(search).get("show");
  return FILTERS.find((each) => each === wanted) ?? null;
}

/** Whether a target is missed at `now` (ms), recorded or not, and not yet fulfilled. */
export function isLate(incident: BoardIncident, now: number): boolean {
  return tone(incident.response, now) === "late" || tone(incident.resolution, now) === "late";
}

/** Whether a target of it was ever missed. */
export function isBreached(incident: BoardIncident, now: number): boolean {
  return incident.response.breached || incident.resolution.breached || isLate(incident, now);
}

export function matches(incident: BoardIncident, filter: Filter | null, me: number, now: number): boolean {
  switch (filter) {
    case "mine":
      return incident.assigned_to_id === me;
    case "breached":
      return isBreached(incident, now);
    case "unassigned":
      return incident.assigned_to_id === null;
    default:
      return true;
  }
}

/** The row after (`step` 1) or before (-1) the one at hand; the first where none is, and no further than the ends. */
export function neighbour(ids: readonly string[], current: string | null, step: 1 | -1): string | null {
  const at = current === null ? -1 : ids.indexOf(current);
  if (at < 0) return ids[0] ?? null;
  return ids[Math.min(ids.length - 1, Math.max(0, at + step))] ?? null;
}

/** The targets that are missed at `now`, as `<key>:<clock>`. */
export function missed(board: Board, now: number): string[] {
  return board.incidents.flatMap((each) =>
    (["response", "resolution"] as const)
      .filter((kind) => tone(each[kind], now) === "late")
      .map((kind) => `${each.key}:${kind}`),
  );
}

/** Those of `after` that were not in `before`. */
export function fresh(before: readonly string[], after: readonly string[]): string[] {
  const known = new Set(before);
  return after.filter((each) => !known.has(each));
}
