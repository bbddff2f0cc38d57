/** What somebody typed and has not sent yet: kept in this tab, across reloads, navigation and a lost session. */

import { me } from "../state/me";

/** Drafts belong to whoever typed them: the next to sign in on this tab does not meet them. */
function nameOf(key: string): string {
  return `draft:${me.value?.user.id ?? "nobody"}:${key}`;
}

export function readDraft<T>(key: string): T | null {
  try {
    const kept = sessionStorage.getItem(nameOf(key));
    return kept === null ? null : (JSON.parse(kept) as T);
  } catch {
    return null; // no storage, or not ours: then there is no draft
  }
}

export function keepDraft(key: string, value: unknown): void {
  try {
    sessionStorage.setItem(nameOf(key), JSON.stringify(value));
  } catch {
    // Storage is full or forbidden: what is typed stays on the page.
  }
}

export function dropDraft(key: string): void {
  try {
    sessionStorage.removeItem(nameOf(key));
  } catch {
    // Nothing was kept.
  }
}
