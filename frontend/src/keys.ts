import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

/** Keys that do something on this page. */

export interface Key {
  key: string;
  label: string;
  fn: (event: KeyboardEvent) => void;
}

/** Those in force now, for the `?` page. */
export const keys = signal<readonly Key[]>([]);

/** Let a key do something while this component is mounted. The newest of two with one key wins. */
export function useKey(key: string, label: string, fn: (event: KeyboardEvent) => void): void {
  const latest = useRef(fn);
  latest.current = fn;
  useEffect(() => {
    const mine: Key = { key, label, fn: (event) => latest.current(event) };
    keys.value = [...keys.value, mine];
    return () => {
      keys.value = keys.value.filter((each) => each !== mine);
    };
  }, [key, label]);
}

/** Listen to the keyboard; called once by the application. */
export function startKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const target = event.target as HTMLElement;
    if (isTyping(target) || target.closest("dialog[open]")) return;
    const hit = keys.value.findLast((each) => each.key === event.key);
    if (!hit) return;
    if (event.key === "Enter" && target.closest("a, button, summary, [role=tab]")) return;
    event.preventDefault();
    hit.fn(event);
  });
}

function isTyping(target: HTMLElement): boolean {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}
