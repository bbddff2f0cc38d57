import { api, call, Problem, unreachable } from "../api/client";
import type { Project } from "../api/types";
import { language, speak } from "../i18n";
import { startStream } from "../live/stream";
import { me, projects, start } from "./me";

const MOST_PAGES = 20;

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
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = { page_size: 100, ordering: "-go_live_at" as const, ...(cursor && { cursor }) };
    const answer = await call(api.GET("/api/v1/me/projects", { params: { query } }));
    found.push(...answer.results);
    const next = answer.next && new URL(answer.next, location.origin).searchParams.get("cursor");
    if (!next) break;
    cursor = next;
  }
  return found;
}
