import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import { useKey } from "../keys";

/** `j` and `k` move the focus along the links with `data-row`, in the order of the page; Enter opens, as for any link. */
export function useRows(): void {
  useKey("j", t("rows.next"), () => step(1));
  useKey("k", t("rows.previous"), () => step(-1));
}

function step(by: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>("main [data-row]")];
  const at = links.findIndex((link) => link === document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by));
  const link = links[next];
  link?.focus({ preventScroll: true });
  link?.closest("tr, li")?.scrollIntoView({ block: "nearest" });
}

/** After "Show more": the focus goes to the first row that was not there before, once it is. Answers what to call first. */
export function useMore(count: number): () => void {
  const before = useRef<number | null>(null);
  useEffect(() => {
    if (before.current === null || count <= before.current) return;
    document.querySelectorAll<HTMLElement>("main [data-row]")[before.current]?.focus({ preventScroll: true });
    before.current = null;
  }, [count]);
  return () => {
    before.current = count;
  };
}

/** The height of the bar that covers the top of the page, px. */
const BAR = 56; // not tunable: of frame.css

/**
 * Keep the reader's place when `rows` of the same `list` are others: what they look at stays where it is, also when
 * something came in above. At the very top the newest is to be seen instead.
 */
export function useHeldPlace(rows: unknown, list: string): void {
  const last = useRef({ rows, list });
  // Read while the page is still the old one.
  const isHeld = last.current.rows !== rows && last.current.list === list && window.scrollY > 0;
  const anchor = isHeld ? anchorNow() : null;
  useLayoutEffect(() => {
    last.current = { rows, list };
    if (anchor?.row.isConnected) window.scrollBy(0, anchor.row.getBoundingClientRect().top - anchor.top);
  }, [rows, list]);
}

function anchorNow(): { row: Element; top: number } | null {
  const isSeen = (row: Element) => {
    const { top, bottom } = row.getBoundingClientRect();
    return bottom > BAR && top < window.innerHeight;
  };
  const focused = document.activeElement?.closest("main tbody tr");
  const row = focused && isSeen(focused) ? focused : [...document.querySelectorAll("main tbody tr")].find(isSeen);
  return row ? { row, top: row.getBoundingClientRect().top } : null;
}

/** Let what changed under the reader's eyes glow once: the element of the answer, whenever `version` is another. */
export function useGlow<E extends HTMLElement>(version: number): RefObject<E | null> {
  const element = useRef<E>(null);
  const seen = useRef(version);
  useEffect(() => {
    const shown = element.current;
    if (seen.current === version || !shown) return;
    seen.current = version;
    shown.classList.add("glow");
    const stop = () => shown.classList.remove("glow");
    shown.addEventListener("animationend", stop, { once: true });
    return stop;
  }, [version]);
  return element;
}
