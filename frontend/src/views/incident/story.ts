/** The journal's lines of an incident, as the thread tells them. */

import { fmt, t, word } from "../../i18n";
import type { SeverityValue } from "../../ui/severity";
import { severityWord } from "../../ui/severity";
import type { Event, Incident, Member } from "./api";

/** What the names and sides of people are read from. */
export interface Cast {
  incident: Incident;
  events: Event[];
  members: Member[];
  me: number;
}

export interface Note {
  kind: "note";
  event: Event;
  side: "internal" | "to-customer" | "from-customer";
  /** Whether it was the first response. */
  isFirst: boolean;
  who: string;
  text: string | null;
}

export interface Line {
  kind: "line";
  event: Event;
  tone: "" | "late" | "soon" | "ok";
  text: string;
  /** What somebody wrote with it. */
  quote: string;
  /** Whom it was told to. */
  told: string;
}

export type Item = Note | Line;

const OURS_ALONE = new Set([
  "incident.noted",
  "incident.assigned",
  "incident.escalated",
  "incident.first_response",
  "incident.waiting",
  "incident.resolved",
  "incident.changed",
  "incident.cause_changed",
]);
const SAID = new Set(["incident.commented", "incident.noted"]);

/** The thread: notes and lines, the oldest first. What only follows from a comment is said with it. */
export function storyOf(cast: Cast): Item[] {
  const names = namesOf(cast);
  const ours = oursOf(cast);
  const { events } = cast;
  return events.flatMap((event, position): Item[] => {
    if (SAID.has(event.verb)) return [noteOf(event, events[position + 1], ours, cast, names)];
    const before = events[position - 1];
    const isFirst = event.verb === "incident.first_response" && before && follows(before, event);
    return isFirst ? [] : [lineOf(event, before, names)];
  });
}

/** The name of each person that the story knows, by id. */
function namesOf({ incident, events, members }: Cast): Map<number, string> {
  const names = new Map<number, string>();
  const know = (id: number | null, name: string | null | undefined) => {
    if (id !== null && name) names.set(id, name);
  };
  for (const event of events) know(event.by.user_id, event.by.name);
  for (const member of members) know(member.user_id, member.user_name);
  know(incident.assigned_to_id, incident.assigned_to_name);
  know(incident.reported_by_id, incident.reported_by_name);
  know(incident.waiting_owner_id, incident.waiting_owner_name);
  return names;
}

/** Those who did what customers can't: of somebody who left, all that shows whose they were. */
function oursOf({ events }: Cast): Set<number> {
  const ours = new Set<number>();
  for (const { by, verb } of events) if (by.user_id !== null && OURS_ALONE.has(verb)) ours.add(by.user_id);
  return ours;
}

function follows(before: Event, event: Event): boolean {
  return SAID.has(before.verb) && before.by.user_id === event.by.user_id && before.at === event.at;
}

function noteOf(
  event: Event,
  next: Event | undefined,
  ours: Set<number>,
  cast: Cast,
  names: Map<number, string>,
): Note {
  const who = whoOf(event, names);
  const isFromUs = event.by.is_ours ?? (event.by.user_id !== null && ours.has(event.by.user_id));
  const text = event.details["content"];
  return {
    kind: "note",
    event,
    side: event.verb === "incident.noted" ? "internal" : isFromUs ? "to-customer" : "from-customer",
    isFirst: next?.verb === "incident.first_response" && follows(event, next),
    who: event.by.user_id === cast.me ? t("thread.you") : who,
    text: typeof text === "string" ? text : null,
  };
}

function whoOf({ by }: Event, names: Map<number, string>): string {
  if (by.user_id !== null) return by.name || names.get(by.user_id) || t("conflict.somebody");
  return by.kind === "system" ? t("thread.system") : by.name || t("thread.support");
}

function lineOf(event: Event, before: Event | undefined, names: Map<number, string>): Line {
  const { details } = event;
  const reason = details["reason"];
  const concerned = Array.isArray(details["concerned"]) ? (details["concerned"] as number[]) : [];
  const told = concerned.map((id) => names.get(id)).filter((name) => name !== undefined);
  return {
    kind: "line",
    event,
    tone: toneOf(event),
    text: sentence(event, before, names),
    quote: typeof reason === "string" ? reason : "",
    told: told.length ? t("say.told", { names: told.join(", ") }) : "",
  };
}

function toneOf({ verb }: Event): Line["tone"] {
  if (verb === "incident.breached") return "late";
  if (verb === "incident.warned" || verb === "incident.waiting") return "soon";
  return verb === "incident.resolved" || verb === "incident.closed" ? "ok" : "";
}

/** A line of the journal in words, without what people wrote with it. */
function sentence(event: Event, before: Event | undefined, names: Map<number, string>): string {
  const { verb, details } = event;
  const name = whoOf(event, names);
  const person = (id: unknown) => (typeof id === "number" ? (names.get(id) ?? t("conflict.somebody")) : "");
  switch (verb) {
    case "incident.reported": {
      const severity = details["severity"] as SeverityValue;
      return t("say.reported", { name, severity: `${severity}, ${severityWord(severity)}` });
    }
    case "incident.first_response":
      return t(details["breached"] ? "say.first_responseLate" : "say.first_response", { name });
    case "incident.assigned":
      return assigned(event, name, person);
    case "incident.escalated": {
      const level = String(pairOf(details, "support_level")?.[1] ?? "");
      const to = pairOf(details, "assigned_to")?.[1];
      return to ? t("say.escalatedTo", { name, level, to: person(to) }) : t("say.escalated", { name, level });
    }
    case "incident.changed":
      return changed(details, name);
    case "incident.cause_changed":
      return t("say.cause", { name });
    case "incident.waiting":
      return names.has(details["owner"] as number)
        ? t("say.waiting", { name, to: person(details["owner"]) })
        : t("say.waitingSomebody", { name });
    case "incident.resumed":
      return t(before && follows(before, event) ? "say.resumedAnswer" : "say.resumed", { name });
    case "incident.resolved":
      return t(details["breached"] ? "say.resolvedLate" : "say.resolved", { name });
    case "incident.closed":
      return t("say.closed", { name });
    case "incident.reopened": {
      const count = Number(details["count"]);
      return count > 1 ? t("say.reopenedAgain", { name, n: count }) : t("say.reopened", { name });
    }
    case "incident.warned":
      return t(details["clock"] === "response" ? "say.warned.response" : "say.warned.resolution", {
        percent: Number(details["percent"]),
      });
    case "incident.breached":
      return t(details["clock"] === "response" ? "say.breached.response" : "say.breached.resolution");
    default:
      return t("say.other", { name, verb });
  }
}

type Details = Event["details"];

/** What was and what is, of a field that an event changed. */
export function pairOf(details: Details, field: string): [unknown, unknown] | null {
  const pair = details[field];
  return Array.isArray(pair) && pair.length === 2 ? (pair as [unknown, unknown]) : null;
}

function assigned({ by, details }: Event, name: string, person: (id: unknown) => string): string {
  const who = pairOf(details, "assigned_to");
  const levels = pairOf(details, "support_level");
  const isMoved = who !== null && who[0] !== who[1];
  const level = levels && levels[0] !== levels[1] ? String(levels[1]) : "";
  if (!isMoved) return t("say.level", { name, level });
  if (who[1] === null) return t("say.unassigned", { name });
  if (level) return t("say.assignedLevel", { name, to: person(who[1]), level });
  return who[1] === by.user_id ? t("say.took", { name }) : t("say.assigned", { name, to: person(who[1]) });
}

const FIELDS = [
  "title",
  "description",
  "severity",
  "incident_type",
  "affected_module",
  "affected_users_count",
  "linked_backlog_item_id",
  "requires_change_request",
] as const;
/** Too long, or of no meaning to people, to be shown before and after. */
const UNSHOWN = new Set<string>(["description", "linked_backlog_item_id"]);

function changed(details: Details, name: string): string {
  const texts = Array.isArray(details["texts"]) ? (details["texts"] as string[]) : [];
  const change = pairOf(details, "change_request_id");
  const said = FIELDS.filter((field) => field in details || texts.includes(field));
  // A link to a change request says that one is needed.
  const others = change ? said.filter((field) => field !== "requires_change_request") : said;
  if (change && !others.length) {
    return change[1] ? t("say.linked", { name }) : t("say.unlinked", { name });
  }
  const what = [...others, ...(change ? ["change_request_id" as const] : [])].map((field) => {
    const label = t(`field.${field}`);
    const pair = pairOf(details, field);
    if (!pair || UNSHOWN.has(field) || field === "change_request_id") return label;
    return t("say.changedOne", { field: label, before: valueOf(field, pair[0]), after: valueOf(field, pair[1]) });
  });
  return t("say.changed", { name, what: what.join(", ") });
}

/** A field's value in words; a dash for nothing. */
export function valueOf(field: string, value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return t(value ? "word.yes" : "word.no");
  if (field === "incident_type") return word("type", String(value));
  if (field === "root_cause_category") return word("cause", String(value));
  return typeof value === "number" ? fmt.number(value) : String(value);
}

/** What somebody else did to the incident after the journal's line `seq`, the last of it. */
export function meanwhile(events: Event[], seq: number, me: number): Event | null {
  const changing = events.filter((event) => event.seq > seq && !SAID.has(event.verb) && event.by.user_id !== me);
  return changing.findLast((event) => event.by.kind !== "system") ?? null;
}
