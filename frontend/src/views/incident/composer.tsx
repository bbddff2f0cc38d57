import { useEffect, useId, useRef, useState } from "preact/hooks";

import { newKey } from "../../api/client";
import { lengths } from "../../api/lengths";
import { fmt, t, word } from "../../i18n";
import { useKey } from "../../keys";
import { Avatar } from "../../ui/avatar";
import { dropDraft, keepDraft, readDraft } from "../../ui/drafts";
import { saidOf } from "../../ui/states";
import { toast } from "../../ui/toast";
import { type Foreseen, type Incident, type Place, foresee, say } from "./api";
import { Lock } from "./thread";

type Side = "internal" | "public";

interface Shown {
  at: Place;
  incident: Incident;
  me: string;
  isOurs: boolean;
  /** Whether the one who reads may write among us. */
  mayNote: boolean;
  onSent: () => void;
}

/**
 * Where one writes: among ourselves first, to the customer after a look at the very mail they get. What is typed is kept
 * for each of the two until it is sent.
 */
export function Composer({ at, incident, me, isOurs, mayNote, onSent }: Shown) {
  const draft = (of: Side) => `comment:${at.incident}:${of}`;
  const [side, setSide] = useState<Side>(mayNote ? "internal" : "public");
  const [texts, setTexts] = useState<Record<Side, string>>(() => ({
    internal: readDraft<string>(draft("internal")) ?? "",
    public: readDraft<string>(draft("public")) ?? "",
  }));
  const [mails, setMails] = useState<Foreseen[] | null>(null);
  const [failure, setFailure] = useState("");
  const [isBusy, setBusy] = useState(false);
  const busy = useRef(false);
  const sent = useRef({ text: "", key: "" });
  const area = useRef<HTMLTextAreaElement>(null);
  const sendButton = useRef<HTMLButtonElement>(null);
  const id = useId();
  const text = texts[side];
  const placeholder = t(!isOurs ? "compose.supportWrite" : side === "internal" ? "compose.internalWrite" : "compose.publicWrite");
  const asksFirst = isOurs && side === "public";

  useKey("m", t("act.note"), () => (mayNote ? start("internal") : start("public")));
  useKey("r", t(isOurs ? "act.reply" : "compose.support"), () => start("public"));

  function start(wanted: Side): void {
    choose(wanted);
    requestAnimationFrame(() => {
      area.current?.focus();
      area.current?.scrollIntoView({ block: "nearest" });
    });
  }

  function choose(wanted: Side): void {
    setSide(wanted);
    setMails(null);
    setFailure("");
  }

  function type(value: string): void {
    setTexts((before) => ({ ...before, [side]: value }));
    setFailure("");
    if (value) keepDraft(draft(side), value);
    else dropDraft(draft(side));
  }

  async function doing(work: () => Promise<void>): Promise<void> {
    if (busy.current) return;
    if (!text.trim()) {
      setFailure(t("compose.empty"));
      area.current?.focus();
      return;
    }
    busy.current = true;
    setBusy(true);
    setFailure("");
    try {
      await work();
    } catch (error) {
      const { title, why } = saidOf(error as Error);
      setFailure(why || title);
    } finally {
      busy.current = false;
      setBusy(false);
    }
  }

  const preview = () =>
    doing(async () => {
      setMails(await foresee(at, text));
      requestAnimationFrame(() => sendButton.current?.focus());
    });

  const send = () =>
    doing(async () => {
      if (sent.current.text !== text) sent.current = { text, key: newKey() };
      await say(at, text, side === "internal", sent.current.key);
      const names = mails?.map((mail) => mail.name) ?? [];
      setTexts((before) => ({ ...before, [side]: "" }));
      dropDraft(draft(side));
      setMails(null);
      if (side === "internal") toast(t("done.note"));
      else toast(names.length ? t("done.sent", { name: names.join(", ") }) : t("done.said"));
      area.current?.focus();
      onSent();
    });

  const goOn = () => (asksFirst && mails === null ? preview() : send());

  return (
    <div class="ev ev-compose">
      <Avatar name={me} size="large" />
      <div
        class={`compose compose-${side}`}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          void goOn();
        }}
      >
        {mayNote ? (
          <Tabs side={side} id={id} onChoose={choose} />
        ) : (
          <h2 class="compose-title">{t(isOurs ? "compose.public" : "compose.support")}</h2>
        )}
        <div {...(mayNote && { role: "tabpanel", id: `${id}-panel`, "aria-labelledby": `${id}-${side}` })}>
          {mails === null ? (
            <textarea
              ref={area}
              value={text}
              rows={3}
              maxLength={lengths.CommentInputRequest.content}
              aria-label={t(!isOurs ? "compose.support" : side === "internal" ? "compose.internalLabel" : "compose.publicLabel")}
              aria-describedby={`${id}-hint ${id}-failure`}
              placeholder={placeholder}
              onInput={(event) => type(event.currentTarget.value)}
            />
          ) : (
            <Preview mails={mails} />
          )}
        </div>
        <p class="form-failure" id={`${id}-failure`} role="alert" hidden={!failure}>
          {failure}
        </p>
        <footer>
          <span class="small compose-hint" id={`${id}-hint`}>
            {hintOf(side, isOurs, incident)}
          </span>
          <kbd aria-hidden="true">Ctrl ↵</kbd>
          {mails !== null && (
            <button
              type="button"
              class="btn"
              onClick={() => {
                setMails(null);
                requestAnimationFrame(() => area.current?.focus());
              }}
            >
              {t("compose.back")}
            </button>
          )}
          <button
            type="button"
            ref={sendButton}
            class="btn primary"
            aria-disabled={isBusy}
            data-busy={isBusy || undefined}
            onClick={() => void goOn()}
          >
            {labelOf(side, isOurs, mails, isBusy)}
          </button>
        </footer>
      </div>
    </div>
  );
}

function hintOf(side: Side, isOurs: boolean, incident: Incident): string {
  if (!isOurs) return t(incident.status === "waiting" ? "compose.supportWaiting" : "compose.supportHint");
  return t(side === "internal" ? "compose.internalHint" : "compose.publicHint");
}

function labelOf(side: Side, isOurs: boolean, mails: Foreseen[] | null, isBusy: boolean): string {
  if (!isOurs) return t("compose.supportSend");
  if (side === "internal") return t("compose.add");
  if (mails === null) return t(isBusy ? "compose.previewing" : "compose.preview");
  const [only] = mails;
  if (!only) return t("compose.sendAll");
  return mails.length === 1 ? t("compose.send", { name: only.name }) : t("compose.sendMany", { n: fmt.number(mails.length) });
}

const SIDES: Side[] = ["internal", "public"];

function Tabs({ side, id, onChoose }: { side: Side; id: string; onChoose: (side: Side) => void }) {
  const tabs = useRef<Partial<Record<Side, HTMLButtonElement | null>>>({});
  function step(event: KeyboardEvent): void {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    const other = side === "internal" ? "public" : "internal";
    onChoose(other);
    tabs.current[other]?.focus();
  }
  return (
    <div class="tabs" role="tablist" aria-label={t("compose.kind")} onKeyDown={step}>
      {SIDES.map((each) => (
        <button
          key={each}
          type="button"
          role="tab"
          id={`${id}-${each}`}
          class={`tab-${each}`}
          aria-selected={side === each}
          aria-controls={`${id}-panel`}
          tabIndex={side === each ? 0 : -1}
          ref={(element) => {
            tabs.current[each] = element;
          }}
          onClick={() => onChoose(each)}
        >
          {each === "internal" && <Lock />}
          {t(each === "internal" ? "compose.internal" : "compose.public")}
        </button>
      ))}
    </div>
  );
}

/** The very mails that go out, before they do. */
function Preview({ mails }: { mails: Foreseen[] }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.scrollIntoView({ block: "nearest" }), []);
  return (
    <section class="preview">
      <h3 ref={heading}>{t("compose.previewTitle")}</h3>
      {!mails.length && <p class="muted">{t("compose.nobody")}</p>}
      {mails.map((mail) => (
        <article key={mail.name} class="mail">
          <dl>
            <dt>{t("compose.to")}</dt>
            <dd>{mail.name}</dd>
            <dt>{t("compose.subject")}</dt>
            <dd>
              <b lang={mail.language}>{mail.subject}</b>
            </dd>
          </dl>
          <pre tabIndex={0} lang={mail.language}>
            {mail.text.trim()}
          </pre>
          <p class="small muted">{t("compose.language", { language: word("language", mail.language) })}</p>
        </article>
      ))}
    </section>
  );
}
