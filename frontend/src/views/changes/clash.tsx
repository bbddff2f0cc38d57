import { useEffect, useRef } from "preact/hooks";
import { fmt } from "../../i18n";
import { project } from "../../state/me";
import { ConflictPanel, type Difference } from "../../ui/conflict";
import type { Line } from "./api";
import { didOf } from "./story";

interface Shown {
  /** The newest line of the story: who was faster. */
  line: Line | null;
  names: ReadonlyMap<number, string>;
  differences?: Difference[];
  onAgain?: (() => void) | undefined;
  onDiscard: () => void;
}

/** Somebody was faster with a change request. It takes the focus, so that nobody has to look for it. */
export function ClashPanel({ line, names, differences = [], onAgain, onDiscard }: Shown) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.focus(), []);
  const { who, what } = line ? didOf(line, names) : { who: "", what: "" };
  return (
    <div class="cr-clash" ref={place} tabIndex={-1}>
      <ConflictPanel
        who={who}
        what={what}
        when={line ? fmt.moment(line.at, project.value!.time_zone) : ""}
        differences={differences}
        onAgain={onAgain}
        onDiscard={onDiscard}
      />
    </div>
  );
}
