import { signal } from "@preact/signals";

import { fmt, t } from "../i18n";
import { serverNow } from "../live/clock";

/** Whether moments are shown in UTC instead of the project's zone. */
const isUtc = signal(false);

/** A moment as it is shown: in the project's zone, or in UTC if that was asked for. */
export function momentOf(at: string, zone: string): string {
  const shown = isUtc.value ? "UTC" : zone;
  const isToday = fmt.day(at, shown) === fmt.day(serverNow.peek(), shown);
  return isToday ? fmt.time(at, shown) : fmt.moment(at, shown);
}

/** The day of a moment, as it is shown. */
export function dayOf(at: string, zone: string): string {
  return fmt.day(at, isUtc.value ? "UTC" : zone);
}

/** The time of day of a moment; the whole of it is in its title. For where the day is said already. */
export function TimeOfDay({ at, zone }: { at: string; zone: string }) {
  return (
    <time dateTime={at} title={fmt.fully(at, zone)}>
      {fmt.time(at, isUtc.value ? "UTC" : zone)}
    </time>
  );
}

/** From one moment to another; the day of the second only when it is another. */
export function spanOf(from: string, to: string, zone: string): string {
  const isOneDay = dayOf(from, zone) === dayOf(to, zone);
  const end = isOneDay ? fmt.time(to, isUtc.value ? "UTC" : zone) : momentOf(to, zone);
  return `${momentOf(from, zone)} → ${end}`;
}

/** A moment: the time alone when it is of today. The whole of it, and UTC, are in its title. */
export function Moment({ at, zone }: { at: string; zone: string }) {
  return (
    <time dateTime={at} title={fmt.fully(at, zone)}>
      {momentOf(at, zone)}
    </time>
  );
}

/** Turns the moments of the page to UTC and back. */
export function ZoneSwitch({ zone }: { zone: string }) {
  const name = fmt.zone(zone, serverNow.peek());
  return (
    <button
      type="button"
      class="btn ghost zone-switch"
      aria-pressed={isUtc.value}
      title={isUtc.value ? t("moment.toZone", { zone: name }) : t("moment.toUtc")}
      onClick={() => {
        isUtc.value = !isUtc.value;
      }}
    >
      {isUtc.value ? t("moment.utc") : t("moment.zone", { zone: name })}
    </button>
  );
}
