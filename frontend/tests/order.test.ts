import { describe, expect, it } from "vitest";
import type { Board, BoardIncident, Clock } from "../src/api/board";
import { filterOf, fresh, isBreached, isLate, matches, missed, neighbour } from "../src/views/war-room/order";

const NOW = Date.parse("2026-11-21T12:00:00Z");

function clock(over: Partial<Clock> = {}): Clock {
  return {
    phase: "running",
    target_seconds: 3600,
    due_at: "2026-11-21T12:30:00Z",
    elapsed_seconds: 1800,
    remaining_seconds: null,
    fulfilled_at: null,
    breached: false,
    round_the_clock: true,
    ...over,
  };
}

function incident(over: Partial<BoardIncident> = {}): BoardIncident {
  return { key: "INC-1", assigned_to_id: null, response: clock(), resolution: clock(), ...over } as BoardIncident;
}

const LATE = clock({ due_at: "2026-11-21T11:59:00Z", breached: true });
const ANSWERED_LATE = clock({ phase: "fulfilled", due_at: null, elapsed_seconds: 4000, fulfilled_at: "x", breached: true });

describe("late", () => {
  it("is a running clock past its moment, recorded or not", () => {
    expect(isLate(incident(), NOW)).toBe(false);
    expect(isLate(incident(), Date.parse("2026-11-21T12:30:01Z"))).toBe(true);
    expect(isLate(incident({ resolution: LATE }), NOW)).toBe(true);
  });

  it("is over once it is fulfilled, though the breach stays", () => {
    const answered = incident({ response: ANSWERED_LATE });
    expect(isLate(answered, NOW)).toBe(false);
    expect(isBreached(answered, NOW)).toBe(true);
  });
});

describe("filters", () => {
  it("are read from the address, and nothing else is one", () => {
    expect(filterOf("?show=mine")).toBe("mine");
    expect(filterOf("show=unassigned")).toBe("unassigned");
    expect(filterOf("?show=everything")).toBe(null);
    expect(filterOf("")).toBe(null);
  });

  it("match", () => {
    const mine = incident({ assigned_to_id: 7 });
    expect(matches(mine, "mine", 7, NOW)).toBe(true);
    expect(matches(mine, "mine", 8, NOW)).toBe(false);
    expect(matches(mine, "unassigned", 7, NOW)).toBe(false);
    expect(matches(incident(), "unassigned", 7, NOW)).toBe(true);
    expect(matches(mine, "breached", 7, NOW)).toBe(false);
    expect(matches(incident({ response: LATE }), "breached", 7, NOW)).toBe(true);
    expect(matches(mine, null, 8, NOW)).toBe(true);
  });
});

describe("the row at hand", () => {
  const ids = ["a", "b", "c"];

  it("moves, and stays at the ends", () => {
    expect(neighbour(ids, null, 1)).toBe("a");
    expect(neighbour(ids, "a", 1)).toBe("b");
    expect(neighbour(ids, "c", 1)).toBe("c");
    expect(neighbour(ids, "a", -1)).toBe("a");
    expect(neighbour([], null, 1)).toBe(null);
  });

  it("begins anew when its row has gone", () => {
    expect(neighbour(ids, "gone", 1)).toBe("a");
  });
});

describe("news of misses", () => {
  it("names each clock once", () => {
    const board = { incidents: [incident({ key: "INC-5", response: LATE }), incident({ key: "INC-6" })] } as Board;
    expect(missed(board, NOW)).toEqual(["INC-5:response"]);
    expect(fresh(["INC-5:response"], missed(board, NOW))).toEqual([]);
    expect(fresh([], missed(board, NOW))).toEqual(["INC-5:response"]);
  });
});
