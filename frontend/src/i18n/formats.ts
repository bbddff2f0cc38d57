import type { ReadonlySignal } from "@preact/signals";
import { DAY_MS, DAY_SECONDS as DAY, HOUR_SECONDS as HOUR, MINUTE_SECONDS as MINUTE } from "../units";

type When = Date | string | number;

const LOCALES = { en: "en-GB", tr: "tr" };
const UNITS = { en: { d: "d", h: "h", m: "min", s: "s" }, tr: { d: "g", h: "sa", m: "dk", s: "sn" } };

/** How figures and times are written; zones are IANA names, the browser's where none is given. */
export function formats(language: ReadonlySignal<"en" | "tr">) {
  const cache = new Map<string, Intl.DateTimeFormat>();

  function written(when: When, zone: string | undefined, options: Intl.DateTimeFormatOptions): string {
    const locale = LOCALES[language.value];
    const key = JSON.stringify([locale, zone, options]);
    let format = cache.get(key);
    if (!format) {
      format = new Intl.DateTimeFormat(locale, { ...options, ...(zone && { timeZone: zone }) });
      cache.set(key, format);
    }
    return format.format(new Date(when));
  }

  const dayKey = (when: When, zone?: string) =>
    written(when, zone, { year: "numeric", month: "2-digit", day: "2-digit" });

  const time = (when: When, zone?: string) => written(when, zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = (when: When, zone?: string) => written(when, zone, { weekday: "short", day: "numeric", month: "short" });

  function past(seconds: number): string {
    const s = Math.max(0, Math.round(seconds));
    const format = new Intl.RelativeTimeFormat(LOCALES[language.value], { numeric: "auto", style: "short" });
    if (s < MINUTE) return format.format(-s, "second");
    if (s < HOUR) return format.format(-Math.floor(s / MINUTE), "minute");
    if (s < DAY) return format.format(-Math.floor(s / HOUR), "hour");
    return format.format(-Math.floor(s / DAY), "day");
  }

  return {
    /** A length of time: "1 h 12 min", "2 d 19 h", "48 min"; below ten minutes with seconds. Never negative. */
    left(seconds: number): string {
      const unit = UNITS[language.value];
      const s = Math.floor(Math.abs(seconds));
      if (s < MINUTE) return `${s} ${unit.s}`;
      if (s < 10 * MINUTE) return pair(s, MINUTE, unit.m, 1, unit.s);
      if (s < HOUR) return `${Math.floor(s / MINUTE)} ${unit.m}`;
      if (s < DAY) return pair(s, HOUR, unit.h, MINUTE, unit.m);
      return pair(s, DAY, unit.d, HOUR, unit.h);
    },
    /** "14:32" */
    time,
    /** "14:32:08" */
    clock(when: When, zone?: string): string {
      return written(when, zone, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
    },
    /** "Sat, 21 Nov" */
    day,
    /** "21 Nov" */
    dayMonth(when: When, zone?: string): string {
      return written(when, zone, { day: "numeric", month: "short" });
    },
    /** "Sat, 21 Nov 14:32" */
    moment(when: When, zone?: string): string {
      return `${day(when, zone)} ${time(when, zone)}`;
    },
    /** "Sat, 21 Nov 2026 14:32 GMT+3 · 11:32 UTC": for the tooltip of a shorter one. */
    fully(when: When, zone?: string): string {
      const local = written(when, zone, {
        weekday: "short", day: "numeric", month: "short", year: "numeric",
        hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short",
      });
      return `${local} · ${time(when, "UTC")} UTC`;
    },
    /** "today 18:00", "tomorrow 09:40", else as moment. */
    near(when: When, zone: string | undefined, now: number): string {
      for (const days of [-1, 0, 1]) {
        if (dayKey(when, zone) === dayKey(now + days * DAY_MS, zone)) {
          const name = new Intl.RelativeTimeFormat(LOCALES[language.value], { numeric: "auto" }).format(days, "day");
          return `${name} ${time(when, zone)}`;
        }
      }
      return `${day(when, zone)} ${time(when, zone)}`;
    },
    /** "3 days ago", "5 minutes ago". */
    ago(when: When, now: number = Date.now()): string {
      return past((now - new Date(when).getTime()) / 1000);
    },
    /** "20 sec. ago", for seconds. */
    past,
    /** "1,204" */
    number(n: number, digits = 0): string {
      return new Intl.NumberFormat(LOCALES[language.value], { maximumFractionDigits: digits }).format(n);
    },
    /** "+03" or "TRT": what a zone is called now. */
    zone(zone: string, when: When): string {
      const parts = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "short" }).formatToParts(new Date(when));
      return parts.find((part) => part.type === "timeZoneName")?.value ?? zone;
    },
  };
}

function pair(seconds: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((seconds % large) / small);
  const first = `${Math.floor(seconds / large)} ${largeUnit}`;
  return rest ? `${first} ${rest} ${smallUnit}` : first;
}
