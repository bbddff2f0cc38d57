import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";
import type { Board } from "../api/board";
import { fmt, plural, t } from "../i18n";
import { useKey } from "../keys";
import { isStale, serverNow } from "../live/clock";
import { isHeard, lastHeard, wake } from "../live/stream";
import { routes } from "../routes";
import { board, boardProblem, loadBoard, useBoard } from "../state/board";
import { code, isOurs, me, project, projects, start } from "../state/me";
import { goLive } from "./go-live";
import { lazy } from "./lazy";
import { Mark } from "./mark";
import { MeMenu } from "./me-menu";

const Find = lazy(() => import("./find"), 0);
const KeyList = lazy(() => import("./key-list"), 0);

/** What stands around every page: the bar on top, the pages of the project, and whether the news is live. */
export function Frame({ children }: { children: ComponentChildren }) {
  const [open, setOpen] = useState<"find" | "keys" | null>(null);
  const here = project.value;
  // Until it is known who is here, what the address names counts as there: nothing moves when it turns out so.
  const named = here?.code ?? (start.value.step === "in" ? "" : code.value);
  useBoard(here?.id);
  useKey("?", t("keys.help"), () => setOpen("keys"));
  const close = () => setOpen(null);
  return (
    <div class={named ? "app" : "app app-alone"}>
      <a class="skip" href="#main">
        {t("app.skip")}
      </a>
      <header class="top">
        <Link href={routes.home()} class="home" title={projects.value.length > 1 ? t("nav.projects") : undefined}>
          <Mark />
        </Link>
        {named && <Place />}
        <span class="top-space" />
        {named && <FindButton onOpen={() => setOpen("find")} />}
        <Live />
        {me.value ? <MeMenu me={me.value} onKeys={() => setOpen("keys")} /> : <span class="me me-wait" />}
      </header>
      {named && <Nav code={named} />}
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      {me.value && <StaleBanner />}
      {open === "find" && here && <Find project={here} onClose={close} />}
      {open === "keys" && <KeyList onClose={close} />}
    </div>
  );
}

/** Which project this is, its day, and how it stands. */
function Place() {
  const here = project.value;
  const now = board.value;
  return (
    <>
      <p class="crumb">
        <strong>{here?.name ?? code.value}</strong>
        <span class="muted small">{here?.program_name ?? "\u00a0"}</span>
      </p>
      <p class="standing">
        {here && <span class="pill go-live">{goLive(now ? now.project.go_live_day : here.go_live_day)}</span>}
        {now ? <Light board={now} /> : <span class="pill pill-wait" />}
      </p>
    </>
  );
}

const SHAPES = {
  red: "M6 .3 11.7 6 6 11.7 .3 6z",
  amber: "M6 .5l6 11H0z",
  green: "M6 .8a5.2 5.2 0 1 1 0 10.4A5.2 5.2 0 0 1 6 .8z",
};

/** The light in words; a customer is told what it means for them, and not how we count. */
function Light({ board: { light, breached, at_risk: atRisk, is_ours: isOurs } }: { board: Board }) {
  const facts = [breached && plural("light.breaches", breached), atRisk && t("light.atRisk", { n: atRisk })];
  const said = isOurs ? facts.filter(Boolean).join(", ") || (light === "green" ? t("light.calm") : "") : "";
  return (
    <span class={`pill ${light}`}>
      <svg viewBox="0 0 12 12" aria-hidden="true">
        <path d={SHAPES[light]} />
      </svg>
      {isOurs ? t(`light.${light}`) : t(`customer.light.${light}`)}
      {said && <span class="light-facts">· {said}</span>}
    </span>
  );
}

function FindButton({ onOpen }: { onOpen: () => void }) {
  useKey("/", t("keys.find"), onOpen);
  return (
    <button type="button" class="find" title={t("find.label")} aria-keyshortcuts="/" onClick={onOpen}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d="M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.8 10.8 14 14" />
      </svg>
      <span>{t("find.open")}</span>
      <kbd aria-hidden="true">/</kbd>
    </button>
  );
}

/** Whether news comes in, and what time it is there and in UTC. */
function Live() {
  const now = isStale.value ? (lastHeard.value ?? serverNow.value) : serverNow.value;
  const zone = project.value?.time_zone;
  const name = zone && fmt.zone(zone, now);
  const isUtc = !name || name === "UTC" || name === "GMT";
  if (!me.value) return <div class="live live-wait" />;
  return (
    <div class={isStale.value ? "live live-off" : isHeard.value ? "live" : "live live-begins"}>
      <span class="dot" aria-hidden="true" />
      {isStale.value ? t("live.off") : isHeard.value ? t("live.on") : t("live.begins")}
      <span class="live-time" role="timer" aria-live="off">
        {zone && !isUtc && `${fmt.clock(now, zone)} ${name} · `}
        {isUtc ? fmt.clock(now, "UTC") : fmt.time(now, "UTC")} UTC
      </span>
    </div>
  );
}

function Nav({ code: named }: { code: string }) {
  const now = board.value;
  const waiting = now?.changes.filter((change) => change.status === "pending_approval").length;
  return (
    <nav class="nav" aria-label={t("nav.label")}>
      <Page href={routes.warRoom(named)} exactly label={isOurs.value ? t("nav.warRoom") : t("nav.overview")} icon="M2 13V8M6 13V4M10 13V6M14 13V2" />
      <Page
        href={routes.incidents(named)}
        label={t("nav.incidents")}
        count={now?.open_count}
        icon="M8 2.5 14.5 13.5H1.5zM8 7v3M8 11.6v.2"
      />
      <Page
        href={routes.changes(named)}
        label={t("nav.changes")}
        count={waiting}
        icon="M3 5h9l-2.5-2.5M13 11H4l2.5 2.5"
      />
    </nav>
  );
}

interface PageShown {
  href: string;
  label: string;
  icon: string;
  count?: number | undefined;
  exactly?: boolean;
}

function Page({ href, label, icon, count, exactly = false }: PageShown) {
  const [path] = useLocation();
  const isHere = path === href || (!exactly && path.startsWith(`${href}/`));
  return (
    <Link href={href} aria-current={isHere ? "page" : undefined}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={icon} />
      </svg>
      <span>{label}</span>
      {count ? <b>{fmt.number(count)}</b> : null}
    </Link>
  );
}

/** That what is shown is old, since when, and a way to try at once. Lies over the page, so nothing moves. */
function StaleBanner() {
  const heard = lastHeard.value;
  const isOld = board.value !== null && boardProblem.value !== null;
  return (
    <div class="banner" role="status">
      {isStale.value && heard !== null ? (
        <Banner retry={wake}>
          <StaleWords heard={heard} />
        </Banner>
      ) : (
        isOld && (
          <Banner retry={() => void loadBoard()}>
            <span>{t("live.old", { time: fmt.clock(board.value!.at, project.value?.time_zone) })}</span>
          </Banner>
        )
      )}
    </div>
  );
}

function Banner({ retry, children }: { retry: () => void; children: ComponentChildren }) {
  return (
    <p>
      <svg viewBox="0 0 12 12" aria-hidden="true">
        <path d="M6 .5l6 11H0z" />
      </svg>
      {children}
      <button type="button" class="btn" onClick={retry}>
        {t("live.again")}
      </button>
    </p>
  );
}

function StaleWords({ heard }: { heard: number }) {
  const seconds = Math.max(0, (serverNow.value - heard) / 1000);
  const shown = seconds < 60 ? Math.floor(seconds / 10) * 10 : seconds;
  const time = fmt.clock(heard, project.value?.time_zone);
  return <span>{t("live.stopped", { ago: fmt.past(shown), time })}</span>;
}
