import { api, call } from "../../api/client";
import type { Incident } from "../../api/types";
import { thresholds } from "../../thresholds";
import { cursorOf } from "../loaded";

/** The list of a project's incidents by the filters in the page's address, which have the names of the API's. */

export type { Incident };

const INCIDENTS = "/api/v1/projects/{project}/hypercare/incidents";
/** What the address may hold; anything else in it is not asked for. */
const ONCE = ["module", "assignee", "breached", "reported_by_me", "search", "ordering"] as const;
const SEVERAL = ["state", "severity"] as const;

/** What is asked of the API for an address. `me` becomes the reader's id. */
export function queryOf(address: URLSearchParams, me: number): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {};
  for (const name of SEVERAL) {
    const values = address.getAll(name);
    if (values.length) query[name] = values;
  }
  for (const name of ONCE) {
    const value = address.get(name);
    if (value) query[name] = name === "assignee" && value === "me" ? String(me) : value;
  }
  return query;
}

export interface Found {
  incidents: Incident[];
  hasMore: boolean;
}

/** At least `size` incidents of the list, as many as there are. Raises Problem. */
export async function readIncidents(project: string, query: object, size: number): Promise<Found> {
  const incidents: Incident[] = [];
  let cursor: string | null = null;
  do {
    const wanted = { ...query, page_size: Math.min(thresholds.api.MOST_PAGE_ROWS, size - incidents.length), ...(cursor && { cursor }) };
    const page: { next?: string | null; results: Incident[] } = await call(
      api.GET(INCIDENTS, { params: { path: { project }, query: wanted } }),
    );
    incidents.push(...page.results);
    cursor = cursorOf(page);
  } while (cursor && incidents.length < size);
  return { incidents, hasMore: cursor !== null };
}

/** Where the list is a file. */
export function fileOf(project: string, query: Record<string, string | string[]>, format: "csv" | "xlsx"): string {
  const asked = Object.entries(query).flatMap(([name, values]) => [values].flat().map((value) => [name, value]));
  return `/api/v1/projects/${project}/hypercare/incidents?${new URLSearchParams([...asked, ["format", format]])}`;
}
