import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

import { t } from "../i18n";
import "./dialog.css";

/** What is filled in first; without any the browser chooses. */
const FIRST = ".dialog-body :is(input, select, textarea):not([type=hidden]), .dialog-body [type=submit]";

interface Shown {
  title: string;
  onClose: () => void;
  /** A wider one, for what is read rather than filled in. */
  wide?: boolean;
  children: ComponentChildren;
}

/**
 * A modal dialog while it is mounted. Escape and the cross close it; the focus returns to where it was, or, when that is
 * gone, to the page's heading.
 */
export function Dialog({ title, onClose, wide = false, children }: Shown) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const shown = dialog.current!;
    const opener = document.activeElement;
    shown.showModal();
    shown.querySelector<HTMLElement>(FIRST)?.focus();
    return () => {
      shown.close();
      queueMicrotask(() => giveFocusBack(opener));
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`dialog${wide ? " dialog-wide" : ""}`}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <header class="dialog-head">
        <h2 id={heading}>{title}</h2>
        <button type="button" class="btn ghost dialog-close" aria-label={t("dialog.close")} onClick={onClose}>
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d="M4 4l8 8M12 4l-8 8" />
          </svg>
        </button>
      </header>
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}

function giveFocusBack(opener: Element | null): void {
  if (opener instanceof HTMLElement && opener.isConnected && !(opener as HTMLButtonElement).disabled) opener.focus();
  else document.querySelector<HTMLElement>("main h1[tabindex]")?.focus();
}
