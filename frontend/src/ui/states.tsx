import type { ComponentChildren } from "preact";

import { Problem } from "../api/client";
import { fmt, t } from "../i18n";
import { serverNow } from "../live/clock";
import "./states.css";

/** What failed, and why, in words; also where no server said anything. */
export function saidOf(error: Error): { title: string; why: string } {
  if (!(error instanceof Problem)) return { title: t("state.broken"), why: t("state.brokenWhy") };
  if (error.status === 0) return { title: t("problem.unreachable"), why: t("problem.unreachable.why") };
  return { title: error.title || t("state.broken"), why: error.detail };
}

/** Nothing is here: one sentence, and the one thing to do about it. */
export function Empty({ sentence, action }: { sentence: string; action?: ComponentChildren }) {
  return (
    <div class="state">
      <p>{sentence}</p>
      {action}
    </div>
  );
}

/** It is on its way: `rows` lines of the height of what comes. */
export function Loading({ rows = 3 }: { rows?: number }) {
  return (
    <div class="loading" role="status">
      <span class="vh">{t("state.loading")}</span>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} class="loading-row" aria-hidden="true">
          <i />
          <i />
        </span>
      ))}
    </div>
  );
}

interface FailedShown {
  problem: Error;
  /** Since when what is shown is old; nothing when nothing is shown. */
  since?: string | Date | number | null;
  retry?: () => void;
}

/** What failed, since when what is shown is old, and a way to try again. */
export function Failed({ problem, since, retry }: FailedShown) {
  const { title, why } = saidOf(problem);
  return (
    <div class="state state-failed" role="alert">
      <h2>{title}</h2>
      <p>{why}</p>
      {since != null && <p class="muted small">{t("state.since", { ago: fmt.ago(since, serverNow.peek()) })}</p>}
      {retry && (
        <button type="button" class="btn" onClick={retry}>
          {t("state.retry")}
        </button>
      )}
    </div>
  );
}

/** What is there and not for the reader: why. */
export function NoPermission({ why }: { why: string }) {
  return (
    <div class="state">
      <h2>{t("state.noPermission")}</h2>
      <p>{why}</p>
    </div>
  );
}

/** An address that leads nowhere, with a way back. */
export function NotFound({ sentence, action }: { sentence: string; action?: ComponentChildren }) {
  return (
    <div class="state state-page">
      <p class="state-code" aria-hidden="true">
        404
      </p>
      <h1 tabIndex={-1}>{t("state.notFound")}</h1>
      <p>{sentence}</p>
      {action}
    </div>
  );
}
