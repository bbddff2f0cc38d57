import { Fragment } from "preact";
import { useRef } from "preact/hooks";

import { t } from "../../i18n";
import { Avatar } from "../../ui/avatar";
import { TimeOfDay, dayOf } from "../../ui/moment";
import { Empty } from "../../ui/states";
import type { Item, Line, Note } from "./story";

interface Shown {
  items: Item[];
  zone: string;
  /** Who reads what is public; empty when that is not known. */
  customer: string;
  isOurs: boolean;
}

/** What happened and what was said, the oldest first; what came while one looks glows once. */
export function Thread({ items, zone, customer, isOurs }: Shown) {
  // The story as it was when the page came: later lines are news.
  const first = useRef<number | null>(null);
  first.current ??= items.at(-1)?.event.seq ?? 0;
  const seen = first.current;
  if (!items.length) return <Empty sentence={t("thread.quiet")} />;
  return (
    <ol class="thread-items" aria-live="polite" aria-relevant="additions">
      {items.map((item, place) => {
        const day = dayOf(item.event.at, zone);
        const before = items[place - 1];
        return (
          <Fragment key={item.event.id}>
            {(!before || dayOf(before.event.at, zone) !== day) && <li class="day">{day}</li>}
            <li class={`ev ev-${item.kind}${item.event.seq > seen ? " glow" : ""}`}>
              {item.kind === "note" ? (
                <NoteShown note={item} zone={zone} customer={customer} isOurs={isOurs} />
              ) : (
                <LineShown line={item} zone={zone} />
              )}
            </li>
          </Fragment>
        );
      })}
    </ol>
  );
}

function LineShown({ line, zone }: { line: Line; zone: string }) {
  return (
    <>
      <span class={`dotc${line.tone ? ` dotc-${line.tone}` : ""}`} aria-hidden="true" />
      <div class={`line${line.tone === "late" ? " late" : ""}`}>
        <TimeOfDay at={line.event.at} zone={zone} /> · {line.text}
        {line.told && <span class="told"> {line.told}</span>}
        {line.quote && <q>{line.quote}</q>}
      </div>
    </>
  );
}

/** Between whom a note goes, as who reads it says it. */
function headingOf({ side }: Note, { customer, isOurs }: Pick<Shown, "customer" | "isOurs">): string {
  if (side === "internal") return t("thread.internal");
  if (side === "from-customer") return t(isOurs ? "thread.fromCustomer" : "thread.toSupport");
  if (!isOurs) return t("thread.fromSupport");
  return customer ? t("compose.toName", { name: customer }) : t("thread.toCustomer");
}

function NoteShown({ note, zone, ...reader }: Omit<Shown, "items"> & { note: Note }) {
  const isInternal = note.side === "internal";
  return (
    <>
      <Avatar name={note.event.by.name || note.who} size="large" />
      <article class={`note note-${isInternal ? "internal" : "public"} note-${note.side}`}>
        <header>
          <b>
            {isInternal && <Lock />}
            {headingOf(note, reader)}
          </b>
          <span>{note.who}</span>
          <span class="muted">
            <TimeOfDay at={note.event.at} zone={zone} />
          </span>
          {note.isFirst && <span class="chip">{t("thread.first")}</span>}
        </header>
        {note.text === null ? <p class="muted">{t("thread.erased")}</p> : <p>{note.text}</p>}
      </article>
    </>
  );
}

/** The mark of what only we read. */
export function Lock() {
  return (
    <svg class="lock" viewBox="0 0 12 12" aria-hidden="true">
      <path d="M3.5 5V3.6a2.5 2.5 0 0 1 5 0V5M2.5 5h7v5.5h-7z" />
    </svg>
  );
}
