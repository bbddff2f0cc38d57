import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";

/** What it holds glows once whenever `of` becomes another while one looks. */
export function Glow({ of, class: kind = "", children }: { of: unknown; class?: string; children: ComponentChildren }) {
  const known = useRef(of);
  const times = useRef(0);
  if (known.current !== of) {
    known.current = of;
    times.current++;
  }
  return (
    <span key={times.current} class={times.current ? `${kind} glow` : kind}>
      {children}
    </span>
  );
}
