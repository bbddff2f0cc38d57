import { t } from "../i18n";
import "./severity.css";

export const SEVERITIES = ["P1", "P2", "P3", "P4"] as const;
export type SeverityValue = (typeof SEVERITIES)[number];

/** The shape as a character, for where there is only text. */
export const SHAPES: Record<SeverityValue, string> = { P1: "◆", P2: "▲", P3: "■", P4: "●" };

const PATHS: Record<SeverityValue, string> = {
  P1: "M6 .3 11.7 6 6 11.7 .3 6z",
  P2: "M6 .5l6 11H0z",
  P3: "M1 1h10v10H1z",
  P4: "M6 .8a5.2 5.2 0 1 1 0 10.4A5.2 5.2 0 0 1 6 .8z",
};

/** What a severity is called: "critical". */
export function severityWord(value: SeverityValue): string {
  return t(`severity.${value}`);
}

/** The shape, the code and, with `withWord`, the word of a severity; never a colour alone. */
export function Severity({ value, withWord = false }: { value: SeverityValue; withWord?: boolean }) {
  return (
    <span class={`sev ${value.toLowerCase()}`}>
      <svg viewBox="0 0 12 12" aria-hidden="true">
        <path d={PATHS[value]} />
      </svg>
      {value}
      {withWord ? <span class="sev-word">{severityWord(value)}</span> : <span class="vh"> {severityWord(value)}</span>}
    </span>
  );
}
