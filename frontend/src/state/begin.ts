import { api, call, Problem, unreachable } from "../api/client";
import type { Project } from "../api/types";
import { language, speak } from "../i18n";
import { startStream } from "../live/stream";
import { thresholds } from "../thresholds";
import { me, projects, start } from "./me";

/**
 * Learn who is here and what they see, then listen to what changes. Never raises: `start` says how it went, in words
 * once `texts` are there.
 */
export async function begin(texts: Promise<void> = Promise.resolve()): Promise<void> {
  start.value = { step: "starting" };
  try {
    const [who, all] = await Promise.all([call(api.GET("/api/v1/me")), everyProject()]);
    if (who.user.language !== language.value) await speak(who.user.language);
    me.value = who;
    projects.value = all;
    start.value = { step: "in" };
    startStream();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    await texts;
    if (error.status === 401) start.value = { step: "out" };
    else if (error.status === 403) start.value = { step: "refused", problem: error };
    else start.value = { step: "failed", problem: error.status ? error : unreachable() };
  }
}

async function everyProject(): Promise<Project[]> {
  const found: Project[] = [];
  let cursor: string | undefined;
  do {
    const query = {
      page_size: thresholds.api.MOST_PAGE_ROWS,
      ordering: "-go_live_at" as const,
      ...(cursor && { cursor }),
    };
    const answer = await call(api.GET("/api/v1/me/projects", { params: { query } }));
    found.push(...answer.results);
    cursor = (answer.next && new URL(answer.next, location.origin).searchParams.get("cursor")) || undefined;
  } while (cursor && found.length < thresholds.page.PROJECTS);
  return found;
}
