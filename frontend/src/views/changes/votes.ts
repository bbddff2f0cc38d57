import type { Change, Vote } from "./api";

/** The votes that count now. */
export function validVotes(change: Change): Vote[] {
  return change.votes.filter((vote) => vote.voided_at === null);
}

/** How many of them are for it. */
export function approvals(change: Change): number {
  return validVotes(change).filter((vote) => vote.vote === "approve").length;
}
