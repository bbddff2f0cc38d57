/** The addresses of the pages; Django answers the same shell for each. */

export const routes = {
  home: () => "/",
  signIn: (next?: string) => (next ? `/sign-in?next=${encodeURIComponent(next)}` : "/sign-in"),
  warRoom: (code: string) => `/p/${code}`,
  incidents: (code: string) => `/p/${code}/incidents`,
  newIncident: (code: string) => `/p/${code}/incidents/new`,
  incident: (code: string, number: number | string) => `/p/${code}/incidents/${number}`,
  changes: (code: string) => `/p/${code}/changes`,
  newChange: (code: string) => `/p/${code}/changes/new`,
  change: (code: string, number: number | string) => `/p/${code}/changes/${number}`,
};

/** Where `?next=` may lead: a path of this site, else "/". A browser reads a backslash as a slash. */
export function safeNext(wanted: string | null): string {
  if (!wanted || !wanted.startsWith("/") || /^\/[/\\]/.test(wanted) || /[\u0000-\u001f\\]/.test(wanted)) return "/";
  const url = new URL(wanted, "http://here.invalid");
  return url.host === "here.invalid" ? url.pathname + url.search + url.hash : "/";
}

/** A page's address as its key: "INC-5" leads to incident 5, "CR-001" to change 1; null for anything else. */
export function routeOfKey(code: string, key: string): string | null {
  const match = /^(INC|CR)-?0*([1-9]\d*)$/i.exec(key.trim());
  if (!match?.[1] || !match[2]) return null;
  return match[1].toUpperCase() === "INC" ? routes.incident(code, match[2]) : routes.change(code, match[2]);
}
