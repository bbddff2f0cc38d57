import { t } from "../../i18n";
import type { Difference } from "../../ui/conflict";
import { labelOf, NAMES, type Written } from "./fields";
import { valueOf } from "./story";

/** The fields that say something else afterwards. */
export function changedFrom(before: Written, after: Written): (keyof Written)[] {
  return NAMES.filter((name) => before[name].trim() !== after[name].trim());
}

/** What both changed, and to different things. */
export function differences(before: Written, mine: Written, theirs: Written): Difference[] {
  const changed = new Set(changedFrom(before, theirs));
  return changedFrom(before, mine)
    .filter((name) => changed.has(name) && mine[name].trim() !== theirs[name].trim())
    .map((name) => ({ label: labelOf(name), theirs: shown(name, theirs), yours: shown(name, mine) }));
}

function shown(name: keyof Written, written: Written): string {
  return name === "test_required" ? t(written[name] ? "change.yes" : "change.no") : valueOf(name, written[name]);
}
