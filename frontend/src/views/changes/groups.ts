import type { Change } from "./api";

export const GROUPS = ["waiting", "board", "way", "drafts", "done"] as const;
export type Group = (typeof GROUPS)[number];

/** The change requests by what happens next with them for the reader `user`: what is urgent first, what is done last. */
export function grouped(changes: readonly Change[], user: number): Record<Group, Change[]> {
  const groups: Record<Group, Change[]> = { waiting: [], board: [], way: [], drafts: [], done: [] };
  for (const change of changes) groups[groupOf(change, user)].push(change);
  const first = (change: Change) => `${change.priority} ${change.planned_implementation_date ?? "9999"}`;
  const byPriority = (a: Change, b: Change) => first(a).localeCompare(first(b)) || a.number - b.number;
  const day = (change: Change) => change.planned_implementation_date ?? "9999";
  groups.waiting.sort(byPriority);
  groups.board.sort(byPriority);
  groups.way.sort((a, b) => day(a).localeCompare(day(b)) || a.number - b.number);
  groups.drafts.sort((a, b) => b.number - a.number);
  groups.done.sort((a, b) => b.number - a.number);
  return groups;
}

function groupOf(change: Change, user: number): Group {
  switch (change.status) {
    case "pending_approval":
      return change.allowed_actions.includes("approve") ? "waiting" : "board";
    case "approved":
    case "in_progress":
    case "implemented":
      return "way";
    case "draft":
      return "drafts";
    case "rejected":
      return change.requested_by_id === user ? "drafts" : "done";
    case "closed":
      return "done";
  }
}
