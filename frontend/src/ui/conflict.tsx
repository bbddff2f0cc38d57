import { Avatar } from "./avatar";
import { t } from "../i18n";
import "./conflict.css";

/** A field that both changed: what it says now, and what you wrote. */
export interface Difference {
  label: string;
  theirs: string;
  yours: string;
}

interface Shown {
  /** What happened meanwhile, in words: "resolved it". */
  what: string;
  /** Who did it, and when in words; empty when nobody knows. */
  who: string;
  when: string;
  differences: Difference[];
  /** Sends what you wrote on top of theirs; without it that is not possible any more. */
  onAgain?: (() => void) | undefined;
  /** Gives up what you wrote. */
  onDiscard: () => void;
}

/** Somebody was faster: who, what, and both versions side by side. Nothing that was typed is lost. */
export function ConflictPanel({ what, who, when, differences, onAgain, onDiscard }: Shown) {
  return (
    <section class="conflict" role="alert">
      <header>
        <Avatar name={who} />
        <div>
          <p class="conflict-title">{t("conflict.title")}</p>
          <p>
            <b>{who || t("conflict.somebody")}</b> {what}
            {when && <span class="muted"> · {when}</span>}
          </p>
        </div>
      </header>
      {differences.length > 0 && (
        <table class="conflict-both">
          <thead>
            <tr>
              <td />
              <th scope="col">{t("conflict.theirs")}</th>
              <th scope="col">{t("conflict.yours")}</th>
            </tr>
          </thead>
          <tbody>
            {differences.map((each) => (
              <tr key={each.label}>
                <th scope="row">{each.label}</th>
                <td>{each.theirs || "–"}</td>
                <td>{each.yours || "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p class="small muted">{t(onAgain ? "conflict.kept" : "conflict.over")}</p>
      <footer>
        <button type="button" class="btn" onClick={onDiscard}>
          {t("conflict.discard")}
        </button>
        {onAgain && (
          <button type="button" class="btn primary" onClick={onAgain}>
            {t("conflict.again")}
          </button>
        )}
      </footer>
    </section>
  );
}
