import { Link } from "wouter-preact";
import type { Board, FeedLine } from "../../api/board";
import { fmt, t, word } from "../../i18n";
import { routes } from "../../routes";
import { DAY_MS } from "../../units";

const BAD = new Set(["incident.breached", "incident.escalated", "incident.reopened", "change.rejected"]);

/** The newest lines of the journal. */
export function Feed({ board }: { board: Board }) {
  const zone = board.project.time_zone;
  return (
    <section class="card panel" aria-labelledby="just-now">
      <header>
        <h2 id="just-now">{t("warRoom.justNow")}</h2>
        <small class="muted">{t("warRoom.journal")}</small>
      </header>
      {board.feed.length ? (
        <ol class="feed">
          {board.feed.map((each) => (
            <li key={each.seq}>
              <time dateTime={each.at} title={fmt.fully(each.at, zone)}>
                {Date.parse(board.at) - Date.parse(each.at) < DAY_MS
                  ? fmt.time(each.at, zone)
                  : fmt.dayMonth(each.at, zone)}
              </time>
              <span class={BAD.has(each.verb) ? "late" : undefined}>
                <Words line={each} code={board.project.code} />
              </span>
            </li>
          ))}
        </ol>
      ) : (
        <p class="muted small">{t("warRoom.quiet")}</p>
      )}
    </section>
  );
}

/** What happened, in a sentence where there is one for it, with the way to it. */
function Words({ line, code }: { line: FeedLine; code: string }) {
  if (!line.key || line.number === null) return <>{line.text}</>;
  const href = line.kind === "incident" ? routes.incident(code, line.number) : routes.change(code, line.number);
  const [by, sentence] = sentenceOf(line);
  const [before, after] = sentence.split("{key}");
  return (
    <>
      {by && <b>{by} </b>}
      {before}
      <Link href={href}>{line.key}</Link>
      {after}
    </>
  );
}

/** Who did it, and the sentence with `{key}` in it; what happens by itself names nobody. */
function sentenceOf(line: FeedLine): [string, string] {
  const done = word("feed", line.verb);
  if (line.who && done !== line.verb) return [line.who, done];
  const happened = word("feed.system", line.verb);
  if (happened !== line.verb) return ["", happened];
  return [line.who, `${line.text} · {key}`];
}
