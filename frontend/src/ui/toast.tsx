import { signal } from "@preact/signals";

import { thresholds } from "../thresholds";
import { SECOND_MS } from "../units";
import "./toast.css";

interface Toast {
  id: number;
  text: string;
  tone: "ok" | "bad";
}

/** Nothing is said by a toast alone: what it tells is on the page too. */
const toasts = signal<Toast[]>([]);
let last = 0;

/** Say shortly that something was done, or (`bad`) was not. */
export function toast(text: string, tone: "ok" | "bad" = "ok"): void {
  const id = ++last;
  toasts.value = [...toasts.value, { id, text, tone } as const].slice(-thresholds.page.TOASTS);
  setTimeout(() => drop(id), thresholds.page.TOAST_SECONDS * SECOND_MS);
}

function drop(id: number): void {
  toasts.value = toasts.value.filter((each) => each.id !== id);
}

/** The place of the toasts; once, in the frame. */
export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((each) => (
        <div key={each.id} class={`toast toast-${each.tone}`} onClick={() => drop(each.id)}>
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d={each.tone === "ok" ? "M3 8.5l3.2 3.2L13 5" : "M8 3.5v5.5M8 12v.5"} />
          </svg>
          {each.text}
        </div>
      ))}
    </div>
  );
}
