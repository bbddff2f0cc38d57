import { beforeAll, expect, it, vi } from "vitest";
import type { Me, Project } from "../src/api/types";
import { speak } from "../src/i18n";
import { code, me, projects } from "../src/state/me";
import type { Change } from "../src/views/changes/api";
import { changedFrom, differences } from "../src/views/changes/compare";
import { daysUntil } from "../src/views/changes/days";
import { bodyOf, BLANK } from "../src/views/changes/fields";
import { grouped } from "../src/views/changes/groups";
import { linesOf } from "../src/views/changes/next";
import { didOf } from "../src/views/changes/story";
import { fileOf, queryOf } from "../src/views/incidents/api";
import { withValues } from "../src/views/incidents/filters";

vi.hoisted(() => {
  vi.stubGlobal("location", { origin: "http://here.invalid" });
});

const ME = 7;
const NOW = Date.parse("2026-11-21T21:30:00Z"); // in Istanbul it is the 22nd already

beforeAll(async () => {
  await speak("en");
  me.value = { user: { id: ME, name: "Ada" }, role: "manager" } as unknown as Me;
  projects.value = [{ id: "p", code: "P", name: "P", time_zone: "Europe/Istanbul" } as unknown as Project];
  code.value = "P";
});

function change(given: Partial<Change>): Change {
  const blank = { status: "draft", votes: [], allowed_actions: [], quorum: 2, priority: "P3", number: 1, rollback_plan: "Back" };
  return { planned_implementation_date: null, requested_by_id: 1, ...blank, ...given } as unknown as Change;
}

function vote(user_id: number, given: object = {}): Change["votes"][number] {
  return { user_id, user_name: `U${user_id}`, vote: "approve", reason: "", created_at: "", voided_at: null, ...given } as never;
}

it("counts days in the project's zone", () => {
  expect(daysUntil("2026-11-22", "Europe/Istanbul", NOW)).toBe(0);
  expect(daysUntil("2026-11-22", "UTC", NOW)).toBe(1);
  expect(daysUntil("2026-11-20", "Europe/Istanbul", NOW)).toBe(-2);
});

it("puts first what waits for the reader", () => {
  const groups = grouped(
    [
      change({ number: 1, status: "pending_approval", allowed_actions: ["approve", "reject"] }),
      change({ number: 2, status: "pending_approval", allowed_actions: ["approve", "reject"], priority: "P1" }),
      change({ number: 3, status: "pending_approval" }),
      change({ number: 4, status: "implemented" }),
      change({ number: 5, status: "rejected", requested_by_id: ME }),
      change({ number: 6, status: "rejected" }),
      change({ number: 7, status: "closed" }),
    ],
    ME,
  );
  const numbers = Object.fromEntries(Object.entries(groups).map(([name, found]) => [name, found.map((each) => each.number)]));
  expect(numbers).toEqual({ waiting: [2, 1], board: [3], way: [4], drafts: [5], done: [7, 6] });
});

it("says what is missing until the board has approved", () => {
  const board = [2, 3, ME].map((user_id) => ({ user_id, user_name: `U${user_id}` }));
  const pending = { status: "pending_approval", votes: [vote(2), vote(3, { voided_at: "2026-11-21T00:00:00Z" })] } as const;
  const open = linesOf(change({ ...pending, votes: [...pending.votes], allowed_actions: ["approve"] }), board, true, NOW);
  expect(open).toEqual([
    "1 more approval is needed: 1 of 2 given.",
    "Your vote is one of those that are missing.",
    "Still to vote: U3.",
  ]);
  const stuck = linesOf(change({ status: "pending_approval", requested_by_id: ME, votes: [vote(2)] }), board.slice(0, 1), true, NOW);
  expect(stuck.at(-1)).toContain("too few members");
  expect(linesOf(change({ rollback_plan: "" }), [], true, NOW)[0]).toContain("rollback plan");
});

it("tells a system's approval without a name", () => {
  const line = { verb: "change.approved", by: { kind: "system", user_id: null, name: "system" }, details: { approvals: 1, quorum: 1 } };
  expect(didOf(line as never, new Map())).toEqual({ who: "", what: "The board has the approvals it needs (1 of 1): approved" });
});

it("sends what differs, and shows what both changed", () => {
  const base = { ...BLANK, title: "A", affected_module: "FI" };
  const mine = { ...base, title: "B ", planned_implementation_date: "", test_required: "" };
  const theirs = { ...base, title: "C", affected_module: "MM" };
  expect(changedFrom(base, mine)).toEqual(["title", "test_required"]);
  expect(bodyOf(mine, ["title", "test_required", "planned_implementation_date"])).toEqual({
    title: "B",
    test_required: false,
    planned_implementation_date: null,
  });
  expect(differences(base, mine, theirs)).toEqual([{ label: "Title", theirs: "C", yours: "B " }]);
});

it("asks the API for what stands in the address, and nothing else", () => {
  const address = new URLSearchParams("state=open&state=waiting&assignee=me&search=x%20y&token=1&page_size=9");
  const query = queryOf(address, ME);
  expect(query).toEqual({ state: ["open", "waiting"], assignee: "7", search: "x y" });
  expect(fileOf("p", query, "csv")).toBe(
    "/api/v1/projects/p/hypercare/incidents?state=open&state=waiting&assignee=7&search=x+y&format=csv",
  );
  expect(withValues(address, "state", []).has("state")).toBe(false);
  expect(withValues(address, "severity", ["P1", "P2"]).getAll("severity")).toEqual(["P1", "P2"]);
});
