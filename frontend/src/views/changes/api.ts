import { api, call } from "../../api/client";
import type { components } from "../../api/schema";
import type { Change } from "../../api/types";
import { thresholds } from "../../thresholds";
import { cursorOf } from "../loaded";

type Schemas = components["schemas"];
export type { Change };
export type Vote = Schemas["Vote"];
export type Line = Schemas["ChangeTimeline"];
export type Draft = Schemas["ChangeDraftRequest"];
export type Edit = Schemas["PatchedChangeEditRequest"];

/** Where a change request is. */
export interface Place {
  project: string;
  change: string;
}

const CHANGES = "/api/v1/projects/{project}/hypercare/change-requests";
const ONE = `${CHANGES}/{change}` as const;
const MOST = thresholds.api.MOST_PAGE_ROWS;
const RUNNING = ["draft", "pending_approval", "approved", "in_progress", "implemented", "rejected"] as const;

/** The verbs that need no words. */
export const MOVES = ["submit", "approve", "redraft", "start", "close"] as const;
export type Move = (typeof MOVES)[number];
export type Verb = Move | "reject" | "implement";

export interface Found {
  /** Those that are not closed. */
  running: Change[];
  /** The newest of those that are. */
  closed: Change[];
  hasMore: boolean;
}

/** The change requests that a search finds: all that are not closed, and `size` of the others. Raises Problem. */
export async function readChanges(project: string, search: string, size: number): Promise<Found> {
  const wanted = search.trim() ? { search: search.trim() } : {};
  const list = (query: object) => call(api.GET(CHANGES, { params: { path: { project }, query: { ...wanted, ...query } } }));
  const [running, closed] = await Promise.all([
    pages((cursor) => list({ status: [...RUNNING], page_size: MOST, ...(cursor && { cursor }) })),
    list({ status: ["closed"], page_size: Math.min(size, MOST) }),
  ]);
  return { running, closed: closed.results, hasMore: cursorOf(closed) !== null && size < MOST };
}

/** The change request with this number; null when there is none for the reader. Raises Problem. */
export async function findChange(project: string, number: string): Promise<Change | null> {
  const query = { search: `CR-${number}`, page_size: 1 }; // not tunable: there is one
  const page = await call(api.GET(CHANGES, { params: { path: { project }, query } }));
  return page.results[0] ?? null;
}

/** Raises Problem. */
export async function readChange(at: Place): Promise<Change> {
  return call(api.GET(ONE, { params: { path: at } }));
}

/** Its story, the newest first: `size` lines, and whether there are more. Raises Problem. */
export async function readStory(at: Place, size: number): Promise<{ lines: Line[]; hasMore: boolean }> {
  const query = { ordering: "-seq" as const, page_size: Math.min(size, MOST) };
  const page = await call(api.GET(`${ONE}/timeline`, { params: { path: at, query } }));
  return { lines: page.results, hasMore: cursorOf(page) !== null && size < MOST };
}

/** Raises Problem. */
export async function draftChange(project: string, body: Draft, key: string): Promise<Change> {
  return call(api.POST(CHANGES, { params: { path: { project } }, body, headers: { "Idempotency-Key": key } }));
}

/** Change what is given, if it is at `version`. Raises Problem. */
export async function editChange(at: Place, body: Edit, version: number): Promise<Change> {
  return call(api.PATCH(ONE, { params: { path: at }, body, headers: { "If-Match": tag(version) } }));
}

/** Take a step with it, if it is at `version`. Raises Problem. */
export async function moveChange(at: Place, verb: Verb, body: object, version: number, key: string): Promise<Change> {
  // What the verbs take differs; the server checks it, and names each field at fault.
  return call(
    api.POST(`${ONE}/${verb as "reject"}`, {
      params: { path: at },
      body: body as Schemas["RejectInputRequest"],
      headers: { "If-Match": tag(version), "Idempotency-Key": key },
    }),
  );
}

function tag(version: number): string {
  return `"${version}"`;
}

async function pages(read: (cursor: string | null) => Promise<{ next?: string | null; results: Change[] }>): Promise<Change[]> {
  const found: Change[] = [];
  let cursor: string | null = null;
  do {
    const page = await read(cursor);
    found.push(...page.results);
    cursor = cursorOf(page);
  } while (cursor);
  return found;
}
