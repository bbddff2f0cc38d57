import { useEffect } from "preact/hooks";
import { t } from "../i18n";
import { project } from "../state/me";

let isFirst = true;

/**
 * Name the page in the browser's tab, and move the focus to its `h1` when one came here by a link. Give null while the
 * name is not known yet.
 */
export function usePage(title: string | null): void {
  const place = project.value?.name;
  useEffect(() => {
    if (title !== null) document.title = [title, place, t("app.name")].filter(Boolean).join(" · ");
  }, [title, place]);
  const isKnown = title !== null;
  useEffect(() => {
    if (!isKnown) return;
    if (isFirst) {
      isFirst = false;
      return;
    }
    window.scrollTo(0, 0);
    // What the view gave the focus to, or its reader, keeps it.
    if (document.activeElement?.matches("main *")) return;
    const heading = document.querySelector<HTMLElement>("main h1");
    if (!heading) return;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }, [isKnown]);
}
