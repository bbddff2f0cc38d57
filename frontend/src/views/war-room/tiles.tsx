import type { ComponentChildren } from "preact";
import type { Board, BoardTile } from "../../api/board";
import { fmt, plural, t } from "../../i18n";
import { isStale, serverNow } from "../../live/clock";
import { thresholds } from "../../thresholds";
import { Severity } from "../../ui/severity";
import { DAY_SECONDS } from "../../units";

/** How many are open of each severity, and what is due next; what came in and went out. */
export function Tiles({ board }: { board: Board }) {
  return (
    <section class="tiles" aria-label={t("warRoom.tiles")}>
      {board.tiles.map((tile) => (
        <Tile key={tile.severity} tile={tile} zone={board.project.time_zone} />
      ))}
      {board.trends && <Week board={board} />}
    </section>
  );
}

function Tile({ tile, zone }: { tile: BoardTile; zone: string }) {
  const parts: ComponentChildren[] = [];
  if (tile.breached) parts.push(<strong class="late">{plural("warRoom.tile.breached", tile.breached)}</strong>);
  else if (tile.at_risk) parts.push(<strong class="soon">{t("warRoom.tile.atRisk", { n: tile.at_risk })}</strong>);
  if (tile.open && tile.next_due_at) parts.push(<Next at={tile.next_due_at} zone={zone} />);
  if (!tile.open) {
    parts.push(t("warRoom.tile.none"));
    if (tile.last_closed_at) {
      parts.push(t("warRoom.tile.lastClosed", { ago: fmt.ago(tile.last_closed_at, serverNow.peek()) }));
    }
  } else if (!parts.length) parts.push(t("warRoom.tile.noneDue"));
  return (
    <div class={`card tile ${tile.severity.toLowerCase()}${tile.breached ? " alarm" : ""}`}>
      <h2>
        <Severity value={tile.severity} withWord />
      </h2>
      <p class="tile-n">
        {fmt.number(tile.open)}
        <span class="vh"> {t("warRoom.tile.open")}</span>
      </p>
      <p class="tile-next">
        {parts.map((part, index) => (
          <span key={index}>{part}</span>
        ))}
      </p>
    </div>
  );
}

/** When the next target is due: what is left within a day, the moment beyond it. */
function Next({ at, zone }: { at: string; zone: string }) {
  const now = isStale.value ? serverNow.peek() : serverNow.value;
  const seconds = (Date.parse(at) - now) / 1000;
  if (seconds <= 0) return <>{t("warRoom.tile.dueNow")}</>;
  return (
    <>
      {t("warRoom.tile.next")}{" "}
      <strong title={fmt.fully(at, zone)}>
        {seconds < DAY_SECONDS ? fmt.left(seconds) : fmt.near(at, zone, now)}
      </strong>
    </>
  );
}

function Week({ board }: { board: Board }) {
  const days = board.trends?.days.slice(-thresholds.page.RECENT_DAYS) ?? [];
  const came = days.reduce((sum, day) => sum + day.inflow, 0);
  const went = days.reduce((sum, day) => sum + day.outflow, 0);
  const reopened = days.reduce((sum, day) => sum + day.reopened, 0);
  return (
    <div class="card pair">
      <div>
        <h2>{t("warRoom.week.in")}</h2>
        <p class="pair-n">{fmt.number(came)}</p>
        <p class="muted small">{t("warRoom.week.days", { n: days.length })}</p>
      </div>
      <div>
        <h2>{t("warRoom.week.out")}</h2>
        <p class="pair-n">{fmt.number(went)}</p>
        <p class="muted small">{reopened ? plural("warRoom.week.reopened", reopened) : t("warRoom.week.noneReopened")}</p>
      </div>
    </div>
  );
}
