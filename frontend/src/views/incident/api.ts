import { api, call, callFully } from "../../api/client";
import type { components } from "../../api/schema";
import { thresholds } from "../../thresholds";
import { cursorOf } from "../loaded";

type Schemas = components["schemas"];
export type Incident = Schemas["IncidentDetail"];
export type Event = Schemas["Timeline"];
export type Clocks = Schemas["Clocks"];
export type ClockExplained = Schemas["Clock"];
export type Stretch = Schemas["Stretch"];
export type Member = Schemas["Member"];
export type Change = Schemas["Change"];
export type BacklogItem = Schemas["BacklogItem"];

/** Where an incident is. */
export interface Place {
  project: string;
  incident: string;
}

/** An incident, and the ETag that an edit of it names. */
export interface Read {
  incident: Incident;
  etag: string;
}

/** The mail that one reader would get. */
export type Foreseen = Schemas["ForeseenMail"];

const INCIDENTS = "/api/v1/projects/{project}/hypercare/incidents";
const ONE = `${INCIDENTS}/{incident}` as const;
const MOST = thresholds.api.MOST_PAGE_ROWS;

export const VERBS = ["first-response", "assign", "escalate", "wait", "resume", "resolve", "close", "reopen"] as const;
export type Verb = (typeof VERBS)[number];

/** The id of the project's incident `INC-5`, or `5`; null when there is none for the reader. Raises Problem. */
export async function findIncident(project: string, key: string): Promise<string | null> {
  const digits = /^(?:INC-)?0*([1-9]\d{0,8})$/i.exec(key.trim())?.[1];
  if (!digits) return null;
  const query = { number: Number(digits) };
  const page = await call(api.GET(INCIDENTS, { params: { path: { project }, query } }));
  return page.results[0]?.id ?? null;
}

/** Raises Problem. */
export async function readIncident(at: Place): Promise<Read> {
  const { data, etag } = await callFully(api.GET(ONE, { params: { path: at } }));
  return { incident: data, etag };
}

/** All of the incident's story, in order. Raises Problem. */
export async function readTimeline({ project, incident }: Place): Promise<Event[]> {
  return pages<Event>((cursor) =>
    call(
      api.GET(`${ONE}/timeline`, {
        params: { path: { project, incident }, query: { page_size: MOST, ...(cursor && { cursor }) } },
      }),
    ),
  );
}

/** Raises Problem. */
export async function readClocks(at: Place): Promise<Clocks> {
  return call(api.GET(`${ONE}/clocks`, { params: { path: at } }));
}

/** The members of the project; for agents and above. Raises Problem. */
export async function readMembers(project: string): Promise<Member[]> {
  return pages<Member>((cursor) =>
    call(
      api.GET("/api/v1/projects/{project}/members", {
        params: { path: { project }, query: { page_size: MOST, ...(cursor && { cursor }) } },
      }),
    ),
  );
}

/** Raises Problem. */
export async function readChange(project: string, change: string): Promise<Change> {
  return call(
    api.GET("/api/v1/projects/{project}/hypercare/change-requests/{change}", { params: { path: { project, change } } }),
  );
}

/** The first change requests that a search finds. Raises Problem. */
export async function findChanges(project: string, search: string): Promise<Change[]> {
  const query = { ...(search.trim() && { search: search.trim() }) };
  const page = await call(
    api.GET("/api/v1/projects/{project}/hypercare/change-requests", { params: { path: { project }, query } }),
  );
  return page.results;
}

/** What a backlog item is called; null when it is not there. Raises Problem. */
export async function readBacklogItem(project: string, id: string): Promise<BacklogItem | null> {
  const found = await pages<BacklogItem>((cursor) =>
    call(
      api.GET("/api/v1/projects/{project}/hypercare/backlog-items", {
        params: { path: { project }, query: { page_size: MOST, ...(cursor && { cursor }) } },
      }),
    ),
  );
  return found.find((each) => each.id === id) ?? null;
}

/** Move the incident, if it is as `etag` says. Raises Problem. */
export async function move(at: Place, verb: Verb, body: object, etag: string, key: string): Promise<Read> {
  // The bodies of the verbs differ; the server checks them, and names each field at fault.
  const answer = await callFully(
    api.POST(`${ONE}/${verb as "assign"}`, {
      params: { path: at },
      body: body as Schemas["AssignInputRequest"],
      headers: { "If-Match": etag, "Idempotency-Key": key },
    }),
  );
  return { incident: answer.data, etag: answer.etag };
}

/** Change what is given, if the incident is as `etag` says. Raises Problem. */
export async function edit(at: Place, body: Schemas["PatchedIncidentChangeRequest"], etag: string): Promise<Read> {
  const answer = await callFully(api.PATCH(ONE, { params: { path: at }, body, headers: { "If-Match": etag } }));
  return { incident: answer.data, etag: answer.etag };
}

/** Raises Problem. */
export async function say(at: Place, content: string, isInternal: boolean, key: string): Promise<void> {
  await call(
    api.POST(`${ONE}/comments`, {
      params: { path: at },
      body: { content, is_internal: isInternal },
      headers: { "Idempotency-Key": key },
    }),
  );
}

/** The mails that a public comment would send; writes nothing. Raises Problem. */
export async function foresee(at: Place, content: string): Promise<Foreseen[]> {
  return (await call(api.POST(`${ONE}/comments/preview`, { params: { path: at }, body: { content } }))).mails;
}

interface Page<T> {
  next?: string | null;
  results: T[];
}

async function pages<T>(read: (cursor: string | null) => Promise<Page<T>>): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await read(cursor);
    found.push(...page.results);
    cursor = cursorOf(page);
  } while (cursor);
  return found;
}
