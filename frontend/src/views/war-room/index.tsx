import { useComputed } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import type { Board } from "../../api/board";
import { plural, t } from "../../i18n";
import { useKey } from "../../keys";
import { isStale, serverNow } from "../../live/clock";
import { routes } from "../../routes";
import { board, boardProblem, loadBoard } from "../../state/board";
import { thresholds } from "../../thresholds";
import { lazy } from "../../ui/lazy";
import { usePage } from "../../ui/page";
import { Failed } from "../../ui/states";
import { Feed } from "./feed";
import { List } from "./list";
import { fresh, missed } from "./order";
import { Skeleton } from "./skeleton";
import { Tiles } from "./tiles";
import { Waiting } from "./waiting";
import "./war-room.css";

const Charts = lazy(() => import("./charts"), 2);

/** Whether all is well, and what needs one first. */
export default function WarRoom() {
  usePage(t("nav.warRoom"));
  const now = board.value;
  const problem = boardProblem.value;
  if (!now) {
    return problem ? <Failed problem={problem} retry={() => void loadBoard()} /> : <Skeleton />;
  }
  return (
    <div class="war-room">
      <h1 class="vh">{t("nav.warRoom")}</h1>
      <Hands board={now} />
      <Breaches board={now} />
      <Tiles board={now} />
      <List board={now} />
      <aside class="war-room-side" aria-label={t("warRoom.side")}>
        <Waiting board={now} />
        <Feed board={now} />
      </aside>
      {now.trends && (
        <div class="war-room-wide charts-place">
          <Charts trends={now.trends} openCount={now.open_count} />
        </div>
      )}
    </div>
  );
}

/** The keys of the page that belong to no row. */
function Hands({ board: shown }: { board: Board }) {
  const [, navigate] = useLocation();
  const code = shown.project.code;
  return shown.may.report ? <ReportKey onReport={() => navigate(routes.newIncident(code))} /> : null;
}

function ReportKey({ onReport }: { onReport: () => void }) {
  useKey("n", t("warRoom.report"), onReport);
  return null;
}

/** Says once what has just been missed, and then asks the server how it stands. */
function Breaches({ board: shown }: { board: Board }) {
  const late = useComputed(() => (board.value && !isStale.value ? missed(board.value, serverNow.value).join(" ") : ""));
  const known = useRef<string[] | null>(null);
  const project = useRef(shown.project.id);
  const [said, setSaid] = useState("");
  const list = late.value;
  useEffect(() => {
    const after = list ? list.split(" ") : [];
    const isAnother = project.current !== shown.project.id;
    project.current = shown.project.id;
    const before = known.current;
    known.current = [...new Set([...(isAnother ? [] : (before ?? [])), ...after])];
    if (before === null || isAnother) return;
    const news = fresh(before, after);
    if (!news.length) return;
    setSaid(words(news));
    const timer = setTimeout(() => void loadBoard(), thresholds.page.MISSED_MS);
    return () => clearTimeout(timer);
  }, [list, shown.project.id]);
  return (
    <p class="vh" role="status">
      {said}
    </p>
  );
}

function words(news: string[]): string {
  const [first = "", ...others] = news;
  if (others.length) {
    const keys = news.map((each) => each.split(":")[0]).join(", ");
    return plural("warRoom.missed", news.length, { keys });
  }
  const [key = "", kind] = first.split(":");
  return t(kind === "response" ? "warRoom.missedResponse" : "warRoom.missedResolution", { key });
}
