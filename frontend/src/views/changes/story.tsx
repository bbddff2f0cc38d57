import { fmt, t, word } from "../../i18n";
import { project } from "../../state/me";
import { Avatar } from "../../ui/avatar";
import { Failed, Loading } from "../../ui/states";
import type { Loaded } from "../loaded";
import type { Line } from "./api";

/** The journal of a change request, in words. */

const TEXTS = ["title", "description", "impact_assessment", "rollback_plan", "test_evidence"] as const;
const FIELDS = ["change_type", "severity", "affected_module", "test_required", "planned_implementation_date"] as const;

type Names = ReadonlyMap<number, string>;

/** Who did what: "S. Arslan", "approved it". */
export function didOf(line: Line, names: Names): { who: string; what: string } {
  const { details } = line;
  const verb = line.verb.replace("change.", "");
  const counts = { approvals: Number(details.approvals), quorum: Number(details.quorum) };
  const hasCounts = Number.isFinite(counts.approvals) && Number.isFinite(counts.quorum);
  if (verb === "approved" && hasCounts && line.by.user_id === null) {
    return { who: "", what: t("change.did.approvedBySystem", counts) };
  }
  const who = line.by.name || (line.by.user_id !== null && names.get(line.by.user_id)) || t("change.system");
  if (verb === "approved" && hasCounts) return { who, what: t("change.did.approvedCount", counts) };
  if (verb === "implemented" && typeof details.actual_implementation_date === "string") {
    return { who, what: t("change.did.implementedOn", { day: fmt.day(details.actual_implementation_date, "UTC") }) };
  }
  const said = word("change.did", verb);
  return { who, what: said === verb ? t("change.did.other", { verb: line.verb }) : said };
}

interface Shown {
  loaded: Loaded<{ lines: Line[]; hasMore: boolean }>;
  names: Names;
  onMore: () => void;
}

export function Story({ loaded, names, onMore }: Shown) {
  const { data, problem, at, reload } = loaded;
  return (
    <section class="card" aria-labelledby="timeline">
      <h2 id="timeline" class="cr-story-title">
        {t("change.timeline")}
      </h2>
      {problem && <Failed problem={problem} since={at} retry={() => void reload()} />}
      {!data && !problem && <Loading rows={3} />}
      {data && (
        <ol class="cr-story">
          {data.lines.map((line) => (
            <Entry key={line.id} line={line} names={names} />
          ))}
        </ol>
      )}
      {data?.hasMore && (
        <footer class="rows-more">
          <button type="button" class="btn ghost" onClick={onMore}>
            {t("change.timelineMore")}
          </button>
        </footer>
      )}
    </section>
  );
}

function Entry({ line, names }: { line: Line; names: Names }) {
  const zone = project.value!.time_zone;
  const { who, what } = didOf(line, names);
  const facts = FIELDS.flatMap((name) => factOf(name, line.details[name]));
  const texts = TEXTS.filter((name) => Array.isArray(line.details[name]) || isNamed(line, name));
  const before = texts.flatMap((name) => beforeOf(name, line.details[name]));
  const reason = typeof line.details.reason === "string" ? line.details.reason : "";
  const isBack = line.verb === "change.voided" && line.details.to === "pending_approval";
  return (
    <li>
      <Avatar name={who} />
      <div>
        <p>
          {who && <b>{who}</b>} {what}{" "}
          <time dateTime={line.at} class="muted small" title={fmt.fully(line.at, zone)}>
            {fmt.moment(line.at, zone)}
          </time>
        </p>
        {isBack && <p class="small soon">{t("change.backToBoard")}</p>}
        {(facts.length > 0 || texts.length > 0) && (
          <p class="small muted">{[...facts, ...texts.map((name) => t(`change.field.${name}`))].join(" · ")}</p>
        )}
        {reason && <blockquote>{reason}</blockquote>}
        {before.length > 0 && (
          <details>
            <summary class="small">{t("change.before")}</summary>
            {before.map((each) => (
              <div key={each.label} class="cr-before">
                <h3 class="cr-quiet">{each.label}</h3>
                <p>{each.text}</p>
              </div>
            ))}
          </details>
        )}
      </div>
    </li>
  );
}

function isNamed(line: Line, name: string): boolean {
  return Array.isArray(line.details.texts) && line.details.texts.includes(name);
}

function factOf(name: (typeof FIELDS)[number], pair: unknown): string[] {
  if (!Array.isArray(pair)) return [];
  return [`${t(`change.field.${name}`)}: ${valueOf(name, pair[0])} → ${valueOf(name, pair[1])}`];
}

function beforeOf(name: (typeof TEXTS)[number], pair: unknown): { label: string; text: string }[] {
  return Array.isArray(pair) && typeof pair[0] === "string" && pair[0] ? [{ label: t(`change.field.${name}`), text: pair[0] }] : [];
}

/** A field's value as people read it. */
export function valueOf(name: string, value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return t(value ? "change.yes" : "change.no");
  if (name === "change_type") return word("changes.type", String(value));
  if (name === "planned_implementation_date") return fmt.day(String(value), "UTC");
  return String(value);
}
