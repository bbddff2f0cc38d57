import { beforeAll, describe, expect, it } from "vitest";
import { speak } from "../src/i18n";
import { type Clock, tone, used, words } from "../src/ui/clock";
import type { ClockExplained, Event, Incident } from "../src/views/incident/api";
import { rowsOf, ticked } from "../src/views/incident/passages";
import { meanwhile, storyOf } from "../src/views/incident/story";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const HOUR = 3600;
const at = (hours: number) => new Date(NOW + hours * HOUR * 1000).toISOString();

beforeAll(() => speak("en"));

const RUNNING: Clock = {
  phase: "running",
  target_seconds: 8 * HOUR,
  due_at: at(0.8),
  elapsed_seconds: null,
  remaining_seconds: null,
  fulfilled_at: null,
  breached: false,
};

describe("what a clock says", () => {
  it.each<[string, Partial<Clock>, string, string]>([
    ["time left", { due_at: at(2) }, "2 h left", "ok"],
    ["little left", {}, "48 min left", "soon"],
    ["over", { due_at: at(-0.3), breached: true }, "18 min late", "late"],
    ["the due moment itself", { due_at: at(0) }, "0 s late", "late"],
    ["more than the target, in business hours", { due_at: at(20) }, "due Sun 22 Nov 08:00", "ok"],
    ["paused", { phase: "paused", due_at: null, remaining_seconds: 5 * HOUR }, "paused · 5 h left", "paused"],
    ["answered", { phase: "fulfilled", elapsed_seconds: 22 * 60 }, "in 22 min", "met"],
    ["answered late", { phase: "fulfilled", elapsed_seconds: 9 * HOUR, breached: true }, "1 h late", "missed"],
  ])("%s", (_what, given, main, look) => {
    const clock = { ...RUNNING, ...given };
    expect(words(clock, "response", NOW, "UTC").main).toBe(main);
    expect(tone(clock, NOW, 80)).toBe(look);
  });

  it("says that little is left where it is known what is little", () => {
    expect(tone(RUNNING, NOW)).toBe("ok");
    expect(tone(RUNNING, NOW, 89)).toBe("soon");
    expect(tone(RUNNING, NOW, 91)).toBe("ok");
  });

  it("uses no more than all of its target", () => {
    expect(used({ ...RUNNING, due_at: at(-100) }, NOW)).toBe(1);
    expect(used({ ...RUNNING, due_at: at(100) }, NOW)).toBe(0);
  });
});

const STRETCH = { reason: "", seconds: HOUR, counts: true, why: "running" } as const;
const EXPLAINED = {
  clock: "resolution",
  phase: "running",
  target_seconds: 2 * HOUR,
  elapsed_seconds: 2 * HOUR,
  remaining_seconds: 0.5 * HOUR,
  breached: false,
  stretches: [
    { ...STRETCH, begin: at(-4), end: at(-3) },
    { ...STRETCH, begin: at(-3), end: at(-2), counts: false, why: "paused", reason: "which bank" },
    { ...STRETCH, begin: at(-2), end: at(0), seconds: 2 * HOUR },
  ],
} as unknown as ClockExplained;

describe("where its time went", () => {
  it("cuts the stretch in which the target was used up, and goes on after it was read", () => {
    const rows = rowsOf(EXPLAINED, at(0), NOW + 60_000).map(({ why, seconds, end }) => [why, seconds, end]);
    expect(rows).toEqual([
      ["running", HOUR, at(-3)],
      ["paused", HOUR, at(-2)],
      ["running", HOUR, at(-1)],
      ["over", HOUR + 60, null],
    ]);
  });

  it("runs on only while time counts", () => {
    expect(ticked(EXPLAINED, at(0), NOW + 60_000).remaining_seconds).toBe(0.5 * HOUR - 60);
    expect(ticked(EXPLAINED, at(0), NOW + HOUR * 1000).breached).toBe(true);
    const paused = { ...EXPLAINED, phase: "paused", stretches: EXPLAINED.stretches.slice(0, 2) } as ClockExplained;
    expect(ticked(paused, at(0), NOW + 60_000).remaining_seconds).toBe(0.5 * HOUR);
  });
});

const ANNA = { kind: "member", user_id: 1, name: "Anna", is_ours: true } as const;
const BEN = { kind: "member", user_id: 2, name: "Ben", is_ours: false } as const;
const INCIDENT = { assigned_to_id: null, reported_by_id: 2, reported_by_name: "Ben", waiting_owner_id: null } as Incident;

function event(seq: number, verb: string, by: Event["by"], details: Event["details"] = {}, when = at(seq)): Event {
  return { id: String(seq), seq, at: when, verb: `incident.${verb}`, by, details };
}

function told(events: Event[], me = 1): string[] {
  const items = storyOf({ incident: INCIDENT, events, members: [], me });
  return items.map((item) => (item.kind === "note" ? `${item.side}${item.isFirst ? " first" : ""}: ${item.text}` : item.text));
}

describe("the story", () => {
  it("says the first response with the comment that was it", () => {
    const events = [
      event(1, "commented", ANNA, { content: "We look." }),
      event(2, "first_response", ANNA, {}, at(1)),
      event(3, "commented", BEN, { content: "Thanks." }),
      event(4, "resumed", BEN, {}, at(3)),
    ];
    const story = ["to-customer first: We look.", "from-customer: Thanks.", "Ben answered. The clock runs again."];
    expect(told(events)).toEqual(story);
    expect(told(events, 2)).toEqual(story);
  });

  it.each<[string, Event["details"], string]>([
    ["assigned", { assigned_to: [null, 1], support_level: ["", ""] }, "Anna took it."],
    ["assigned", { assigned_to: [1, 2], support_level: ["L1", "L2"] }, "Anna gave it to Ben, L2."],
    ["assigned", { assigned_to: [1, null], support_level: ["L1", "L1"] }, "Anna put it back: nobody has it."],
    ["changed", { severity: ["P3", "P2"], texts: ["description"] }, "Anna changed: description, severity: P3 → P2."],
    ["changed", { affected_users_count: [null, 1200] }, "Anna changed: users: – → 1,200."],
    ["changed", { change_request_id: [null, "x"], requires_change_request: [false, true] }, "Anna linked a change request."],
    ["waiting", { owner: 9 }, "Anna waits for an answer. The resolution clock is paused."],
    ["reopened", { count: 3 }, "Anna reopened it. That makes 3 times."],
  ])("%s %j", (verb, details, sentence) => {
    expect(told([event(1, verb, ANNA, details), event(2, "noted", BEN, { content: "x" })])[0]).toBe(sentence);
  });

  it("knows somebody who left by what they did", () => {
    const left = { kind: "member", user_id: 3, name: "Cem", is_ours: null } as const;
    expect(told([event(1, "commented", left, { content: "x" })])).toEqual(["from-customer: x"]);
    expect(told([event(1, "commented", left, { content: "x" }), event(2, "assigned", left)])[0]).toBe("to-customer: x");
  });

  it("says that a text was erased by having none", () => {
    expect(told([event(1, "noted", ANNA, {})])).toEqual(["internal: null"]);
  });

  it("knows what somebody else did meanwhile, and nothing of one's own or of the clocks", () => {
    const events = [event(1, "resolved", BEN), event(2, "changed", ANNA), event(3, "breached", { ...BEN, kind: "system" })];
    expect(meanwhile(events, 0, 1)?.verb).toBe("incident.resolved");
    expect(meanwhile(events, 1, 1)).toBeNull();
  });
});
