import { fmt, plural, t } from "../../i18n";
import { serverNow } from "../../live/clock";
import { isOurs, me, project } from "../../state/me";
import type { Change } from "./api";
import { daysUntil } from "./days";
import { approvals, validVotes } from "./votes";

const WAY = ["draft", "pending_approval", "approved", "in_progress", "implemented", "closed"] as const;

/** The way of a change request, and how far it is. */
export function Steps({ change }: { change: Change }) {
  const isRejected = change.status === "rejected";
  const at = isRejected ? 1 : WAY.indexOf(change.status as (typeof WAY)[number]);
  return (
    <ol class="cr-steps" aria-label={t("change.steps")}>
      {WAY.map((step, index) => {
        const isDone = index < at || change.status === "closed";
        const kind = isDone ? "done" : index === at ? (isRejected ? "now rejected" : "now") : "";
        return (
          <li key={step} class={kind} aria-current={index === at ? "step" : undefined}>
            <span>{isRejected && index === at ? t("change.step.rejected") : t(`change.step.${step}`)}</span>
            {index < at && <span class="vh"> ({t("change.stepDone")})</span>}
          </li>
        );
      })}
    </ol>
  );
}

interface Seat {
  user_id: number;
  user_name: string;
}

interface NextShown {
  change: Change;
  board: readonly Seat[];
  /** Whether `board` is known: a customer is not told who sits on it. */
  isBoardKnown: boolean;
}

/** What is missing until the change is approved, and after that what comes next, in words. */
export function Next({ change, board, isBoardKnown }: NextShown) {
  const isBefore = ["draft", "pending_approval", "rejected"].includes(change.status);
  const lines = linesOf(change, board, isBoardKnown, serverNow.value);
  if (!lines.length) return null;
  return (
    <section class={`card cr-next${isBefore ? "" : " cr-next-calm"}`} aria-labelledby="next">
      <h2 id="next">{t(isBefore ? "change.missing.title" : "change.next.title")}</h2>
      <ul>
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </section>
  );
}

/** The sentences of `Next`. */
export function linesOf(change: Change, board: readonly Seat[], isBoardKnown: boolean, now: number): string[] {
  switch (change.status) {
    case "draft":
      return draft(change);
    case "pending_approval":
      return pending(change, board, isBoardKnown);
    case "rejected":
      return [t("change.missing.rejected", { name: change.rejected_by_name ?? t("change.board") })];
    case "approved":
      return [t("change.next.start"), ...late(change, now), ...evidence(change)];
    case "in_progress":
      return [t("change.next.implement"), ...late(change, now), ...evidence(change)];
    case "implemented":
      return [t("change.next.close")];
    case "closed":
      return [];
  }
}

function draft(change: Change): string[] {
  const lines = change.rollback_plan ? [] : [t("change.missing.rollback")];
  if (!isOurs.value) return [...lines, t("change.missing.support")];
  const { quorum } = change;
  return [...lines, quorum === 1 ? t("change.missing.submitOne") : t("change.missing.submit", { quorum })];
}

function pending(change: Change, board: readonly Seat[], isBoardKnown: boolean): string[] {
  const given = approvals(change);
  const missing = change.quorum - given;
  const lines = [plural("change.missing.votes", missing, { approvals: given, quorum: change.quorum })];
  const mine = me.value?.user.id;
  const voted = new Set(validVotes(change).map((vote) => vote.user_id));
  if (change.allowed_actions.includes("approve")) lines.push(t("change.missing.you"));
  else if (mine !== undefined && voted.has(mine)) lines.push(t("change.missing.voted"));
  else if (mine !== undefined && change.requested_by_id === mine && board.some((seat) => seat.user_id === mine)) {
    lines.push(t("change.missing.own"));
  }
  if (!isBoardKnown) return lines;
  const able = board.filter((seat) => !voted.has(seat.user_id) && seat.user_id !== change.requested_by_id);
  const others = able.filter((seat) => seat.user_id !== mine);
  if (others.length) lines.push(t("change.missing.names", { names: listed(others.map((seat) => seat.user_name)) }));
  if (able.length < missing) lines.push(t("change.missing.tooFew", { quorum: change.quorum }));
  return lines;
}

function late(change: Change, now: number): string[] {
  const day = change.planned_implementation_date;
  return day && daysUntil(day, project.value!.time_zone, now) < 0
    ? [t("change.next.plannedLate", { day: fmt.day(day, "UTC") })]
    : [];
}

function evidence(change: Change): string[] {
  return change.test_required && !change.test_evidence ? [t("change.next.evidence")] : [];
}

function listed(names: string[]): string {
  return new Intl.ListFormat(document.documentElement.lang || "en").format(names);
}
