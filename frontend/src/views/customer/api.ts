import { api, call } from "../../api/client";
import type { Incident } from "../../api/types";
import { serverNow } from "../../live/clock";
import { thresholds } from "../../thresholds";
import { DAY_MS } from "../../units";

const INCIDENTS = "/api/v1/projects/{project}/hypercare/incidents";

/** What the war room does not tell a customer. */
export interface Mine {
  /** Those that wait for somebody, with whom they wait for. */
  waiting: Incident[];
  /** Solved in the last days and not open again, the newest first. */
  solved: Incident[];
}

/** Raises Problem. */
export async function readMine(project: string): Promise<Mine> {
  const list = (query: object) => call(api.GET(INCIDENTS, { params: { path: { project }, query } }));
  const since = new Date(serverNow.peek() - thresholds.page.RECENT_DAYS * DAY_MS).toISOString();
  const [waiting, solved] = await Promise.all([
    list({ state: ["waiting"], page_size: thresholds.api.MOST_PAGE_ROWS }),
    list({ state: ["resolved", "closed"], resolved_after: since, ordering: "-resolved_at" }),
  ]);
  return { waiting: waiting.results, solved: solved.results };
}
