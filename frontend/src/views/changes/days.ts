import { DAY_MS } from "../../units";

/** The day that it is in a zone at `now` (ms), as "2026-11-21". */
export function today(zone: string, now: number): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }).format(now);
}

/** How many days it is until a day, in a zone; negative when it is past. */
export function daysUntil(day: string, zone: string, now: number): number {
  return Math.round((Date.parse(day) - Date.parse(today(zone, now))) / DAY_MS);
}
