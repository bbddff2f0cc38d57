import "./strip.css";

export type SegmentKind = "ran" | "paused" | "closed" | "over" | "after";

/** A part of a clock's life. `label` says it in words, `id` names it for `onPick`. */
export interface Segment {
  id: number;
  kind: SegmentKind;
  seconds: number;
  label: string;
}

interface Shown {
  segments: Segment[];
  /** Seconds that are left until the target, if any: the empty end of the strip. */
  rest?: number;
  /** What the whole strip says, for those who do not see it. */
  label: string;
  onPick?: (id: number) => void;
}

/** A clock's life from left to right: what ran, what was paused, what is over, and what is left. */
export function ClockStrip({ segments, rest = 0, label, onPick }: Shown) {
  return (
    <div class="strip" role="img" aria-label={label}>
      {segments.map((segment) => (
        <i
          key={segment.id}
          class={`seg-${segment.kind}`}
          style={{ flexGrow: segment.seconds }}
          title={segment.label}
          onClick={onPick && (() => onPick(segment.id))}
        />
      ))}
      {rest > 0 && <i class="seg-rest" style={{ flexGrow: rest }} />}
    </div>
  );
}
