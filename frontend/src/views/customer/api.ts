import { api, call } from "../../api/client";
import type { Incident } from "../../api/types";
import { serverNow } from "../../live/clock";

const WEEK_MS = 7 * 86_400_000;
const INCIDENTS = "/api/v1/projects/{project}/hypercare/incidents";

/** What the war room does not tell a customer. */
export interface Mine {
  /** Those that wait for somebody, with whom they wait for. */
  waiting: Incident[];
  /** Solved in the last seven days and not open again, the newest first. */
  solved: Incident[];
}

/** Raises Problem. */
export async function readMine(project: string): Promise<Mine> {
  const list = (query: object) => call(api.GET(INCIDENTS, { params: { path: { project }, query } }));
  const since = new Date(serverNow.peek() - WEEK_MS).toISOString();
  const [waiting, solved] = await Promise.all([
    list({ state: ["waiting"], page_size: 200 }),
    list({ state: ["resolved", "closed"], resolved_after: since, ordering: "-resolved_at", page_size: 50 }),
  ]);
  return { waiting: waiting.results, solved: solved.results };
}
