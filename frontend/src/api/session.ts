import { signal } from "@preact/signals";

/** Signing in and out over allauth's headless addresses, and the CSRF token that its config answers. */

const AUTH = "/_allauth/browser/v1/";

/** Whether the sign-in dialog is open over the page: a session ended while somebody was at work. */
export const isSignInAsked = signal(false);

export type SignIn =
  | { step: "done" }
  | { step: "code" }
  | { step: "refused"; why: "wrong" | "wrong_code" }
  | { step: "refused"; why: "locked"; minutes: number | null }
  | { step: "refused"; why: "other"; detail: string };

interface Answer {
  data?: { flows?: { id: string; is_pending?: boolean }[] };
  errors?: { code?: string; message?: string; param?: string }[];
  type?: string;
  detail?: string;
}

let token: Promise<string> | null = null;
let asked: { promise: Promise<void>; done: () => void } | null = null;

/** The CSRF token of this session; fetched once, and anew after `forgetToken`. */
export function csrfToken(): Promise<string> {
  token ??= fetch(`${AUTH}config`, { headers: { Accept: "application/json" } }).then(
    (response) => response.headers.get("X-CSRF-Token") ?? "",
  );
  token.catch(forgetToken);
  return token;
}

export function forgetToken(): void {
  token = null;
}

/** Open the sign-in over the page; resolves when somebody has signed in there. */
export function askSignIn(): Promise<void> {
  if (!asked) {
    let done = () => {};
    const promise = new Promise<void>((resolve) => {
      done = resolve;
    });
    asked = { promise, done };
    isSignInAsked.value = true;
  }
  return asked.promise;
}

/** The dialog has done its work: whoever waited goes on. */
export function signInDone(): void {
  isSignInAsked.value = false;
  asked?.done();
  asked = null;
}

export async function signIn(email: string, password: string): Promise<SignIn> {
  return outcome(await post("auth/login", { email, password }), "wrong");
}

export async function giveCode(code: string): Promise<SignIn> {
  return outcome(await post("auth/2fa/authenticate", { code }), "wrong_code");
}

export async function signOut(): Promise<void> {
  await send("DELETE", "auth/session");
  forgetToken();
}

async function post(path: string, body: object): Promise<Response> {
  return send("POST", path, body);
}

async function send(method: string, path: string, body?: object): Promise<Response> {
  const once = async () =>
    fetch(`${AUTH}${path}`, {
      method,
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": await csrfToken() },
      ...(body && { body: JSON.stringify(body) }),
    });
  const response = await once();
  if (response.status !== 403 || !(await isCsrfRefusal(response))) return response;
  forgetToken();
  return once();
}

/** Whether a 403 says that the CSRF token is not (any more) the right one. */
export async function isCsrfRefusal(response: Response): Promise<boolean> {
  const body = (await response.clone().json().catch(() => ({}))) as Answer;
  return body.type?.endsWith("/csrf_failed") ?? false;
}

async function outcome(response: Response, wrong: "wrong" | "wrong_code"): Promise<SignIn> {
  const body = (await response.json().catch(() => ({}))) as Answer;
  if (response.ok) {
    forgetToken();
    return { step: "done" };
  }
  if (response.status === 401 && body.data?.flows?.some((flow) => flow.id === "mfa_authenticate" && flow.is_pending)) {
    return { step: "code" };
  }
  if (response.status === 429) {
    const seconds = Number(response.headers.get("Retry-After"));
    return { step: "refused", why: "locked", minutes: seconds ? Math.ceil(seconds / 60) : null };
  }
  if (response.status === 400 || response.status === 401) return { step: "refused", why: wrong };
  return { step: "refused", why: "other", detail: body.detail ?? body.errors?.[0]?.message ?? response.statusText };
}
