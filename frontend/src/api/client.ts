import createClient from "openapi-fetch";
import { t } from "../i18n";
import { me } from "../state/me";
import type { paths } from "./schema";
import { askSignIn, csrfToken, forgetToken, isCsrfRefusal } from "./session";

export interface FieldError {
  field: string;
  detail: string;
}

/** A refusal of the server (RFC 9457), or that it could not be reached: then `status` is 0 and `type` "unreachable". */
export class Problem extends Error {
  readonly status: number;
  /** The last part of the problem's type, such as "invalid" or "illegal_move". */
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  readonly errors: FieldError[];
  /** Of a 412: the row as it is now, and its ETag in `etag`. Of a 409: state and legal_moves. */
  readonly body: Record<string, unknown>;
  readonly etag: string | null;
  readonly requestId: string;

  constructor(status: number, body: Record<string, unknown>, etag: string | null = null) {
    super(text(body.detail) || text(body.title));
    this.status = status;
    this.type = text(body.type).split("/").at(-1) ?? "";
    this.title = text(body.title);
    this.detail = text(body.detail);
    this.errors = Array.isArray(body.errors) ? (body.errors as FieldError[]) : [];
    this.body = body;
    this.etag = etag;
    this.requestId = text(body.request_id);
  }

  /** Somebody else was faster: 409 with a state, or 412. */
  get isConflict(): boolean {
    return this.status === 412 || (this.status === 409 && "state" in this.body);
  }

  /** What it says of one field, if anything. */
  of(field: string): string | undefined {
    return this.errors.find((error) => error.field === field)?.detail;
  }
}

/** Opens the live stream, and writes nothing that could be written twice. */
const TICKET = "/events/ticket";

/**
 * The API. Give a POST that one form may send twice its own `Idempotency-Key` header (`newKey()`, kept until it
 * succeeds); the others get one here. Edits give `If-Match`.
 */
export const api = createClient<paths, "application/json">({ baseUrl: location.origin, fetch: send });

/** The data of an answer. Raises Problem. */
export async function call<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  return (await callFully(answer)).data;
}

/** The data of an answer and its ETag, "" where it has none. Raises Problem. */
export async function callFully<T>(
  answer: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<{ data: T; etag: string; response: Response }> {
  let done;
  try {
    done = await answer;
  } catch (error) {
    throw error instanceof DOMException && error.name === "AbortError" ? error : unreachable();
  }
  const { data, error, response } = done;
  if (!response.ok) {
    const body = typeof error === "object" && error !== null ? (error as Record<string, unknown>) : {};
    throw new Problem(response.status, body, response.headers.get("ETag"));
  }
  return { data: data as T, etag: etag(response), response };
}

export function etag(response: Response): string {
  return response.headers.get("ETag") ?? "";
}

/** That no answer came. */
export function unreachable(): Problem {
  return new Problem(0, { type: "unreachable", title: t("problem.unreachable"), detail: t("problem.unreachable.why") });
}

/** A key under which a POST is done once, however often it is sent: a UUID, of 32 digits where there is no HTTPS. */
export function newKey(): string {
  return crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), hex).join("");
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

async function send(request: Request): Promise<Response> {
  const isWrite = request.method !== "GET" && request.method !== "HEAD";
  if (request.method === "POST" && !request.url.endsWith(TICKET) && !request.headers.has("Idempotency-Key")) {
    request.headers.set("Idempotency-Key", newKey());
  }
  let response = await once(request.clone(), isWrite);
  if (response.status === 403 && isWrite && (await isCsrfRefusal(response))) {
    forgetToken();
    response = await once(request.clone(), isWrite);
  }
  while (response.status === 401 && me.value) {
    await askSignIn();
    response = await once(request.clone(), isWrite);
  }
  return response;
}

async function once(request: Request, isWrite: boolean): Promise<Response> {
  if (isWrite) request.headers.set("X-CSRFToken", await csrfToken());
  return fetch(request);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
