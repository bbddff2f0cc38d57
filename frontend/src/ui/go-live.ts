import { plural, t } from "../i18n";

/** "Go-live +12 days": the day of the project's landing. */
export function goLive(day: number | null): string {
  if (day === null) return t("top.goLive.none");
  if (day === 0) return t("top.goLive.today");
  return plural(day < 0 ? "top.goLive.before" : "top.goLive.after", Math.abs(day));
}
