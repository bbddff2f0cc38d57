/** What people do to an incident: which verbs are there now, and the form of each. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import type { Problem } from "../../api/client";
import { lengths } from "../../api/lengths";
import { fmt, plural, t } from "../../i18n";
import { serverNow } from "../../live/clock";
import { board } from "../../state/board";
import { Avatar } from "../../ui/avatar";
import { ConflictPanel } from "../../ui/conflict";
import { Dialog } from "../../ui/dialog";
import { Actions, Choice, Form, type FormState, TextArea, type Values, useForm } from "../../ui/form";
import { toast } from "../../ui/toast";
import { type Incident, type Member, type Read, type Verb, move } from "./api";
import type { Loaded } from "./data";
import { meanwhile } from "./story";

const LEVELS = ["L1", "L2", "L3"];

export type Act = "assign" | "wait" | "escalate" | "resolve" | "reopen" | "answered";

/** The support levels above one. */
function levelsAbove(level: string | undefined): string[] {
  return LEVELS.slice(LEVELS.indexOf(level || "L1") + 1);
}

interface MoveShown {
  loaded: Loaded;
  me: number;
  onDone: (read: Read) => void;
  /** It is not as it was thought to be. */
  onRefused: () => void;
  onClose: () => void;
}

/** The step that a verb of the API is, where it has another name. */
const STEPS: Partial<Record<Verb, string>> = { "first-response": "respond" };

/** Whether the server lets the reader do this now. */
function isPossible(verb: Verb, incident: Incident): boolean {
  return incident.allowed_actions.includes(STEPS[verb] ?? verb);
}

/**
 * The form of a verb: sent on top of the incident as it was when the form was opened. If somebody was faster, that is
 * said, and it is sent again on top of theirs, or not.
 */
function useMove<T extends Values>(
  { loaded, me, onDone, onRefused, onClose }: MoveShown,
  verb: Verb,
  start: T,
  bodyOf: (values: T) => object,
  done: (read: Read) => string,
  check?: (values: T) => Partial<Record<keyof T & string, string>>,
) {
  const [base, setBase] = useState({ etag: loaded.etag, version: loaded.incident.version, seq: lastSeq(loaded) });
  const [refused, setRefused] = useState<Problem | null>(null);
  const form = useForm<T>(start, {
    draft: `${verb}:${loaded.at.incident}`,
    ...(check && { check }),
    onConflict: (problem) => {
      setRefused(problem);
      onRefused();
      return true;
    },
    send: async (values, key) => {
      const read = await move(loaded.at, verb, bodyOf(values), base.etag, key);
      toast(done(read));
      onDone(read);
      onClose();
    },
  });
  const isSurpassed = loaded.incident.version !== base.version || refused !== null;
  const again = () => {
    setRefused(null);
    setBase({ etag: loaded.etag, version: loaded.incident.version, seq: lastSeq(loaded) });
  };
  const conflict =
    isSurpassed && !form.isBusy ? (
      <Meanwhile
        loaded={loaded}
        me={me}
        seq={base.seq}
        refused={refused}
        onAgain={isPossible(verb, loaded.incident) ? again : undefined}
        onDiscard={() => {
          form.reset();
          onClose();
        }}
      />
    ) : null;
  return { form, conflict };
}

export function lastSeq(loaded: Loaded): number {
  return loaded.events.at(-1)?.seq ?? 0;
}

interface MeanwhileShown {
  loaded: Loaded;
  me: number;
  seq: number;
  refused: Problem | null;
  onAgain: (() => void) | undefined;
  onDiscard: () => void;
}

function Meanwhile({ loaded, me, seq, refused, onAgain, onDiscard }: MeanwhileShown) {
  const event = meanwhile(loaded.events, seq, me);
  return (
    <ConflictPanel
      who={event?.by.name ?? ""}
      what={event ? doneBy(event.verb) : (refused?.detail ?? t("meanwhile.other"))}
      when={event ? fmt.ago(event.at, serverNow.peek()) : ""}
      differences={[]}
      onAgain={onAgain}
      onDiscard={onDiscard}
    />
  );
}

const SAID_BY = [
  "incident.changed",
  "incident.assigned",
  "incident.escalated",
  "incident.waiting",
  "incident.resumed",
  "incident.resolved",
  "incident.closed",
  "incident.reopened",
  "incident.first_response",
  "incident.cause_changed",
] as const;

/** What somebody did, after their name. */
export function doneBy(verb: string): string {
  const known = SAID_BY.find((each) => each === verb);
  return t(known ? `meanwhile.${known}` : "meanwhile.other");
}

/** The dialog of a verb that asks for something. */
export function MoveDialog({ act, ...shown }: MoveShown & { act: Act }) {
  switch (act) {
    case "assign":
      return <AssignDialog {...shown} />;
    case "wait":
      return <WaitDialog {...shown} />;
    case "escalate":
      return <EscalateDialog {...shown} />;
    case "resolve":
      return <ResolveDialog {...shown} />;
    case "reopen":
      return <ReopenDialog {...shown} />;
    case "answered":
      return <AnsweredDialog {...shown} />;
  }
}

const needed = <T extends Values>(values: T, ...names: (keyof T & string)[]) =>
  Object.fromEntries(names.filter((name) => !values[name]?.trim()).map((name) => [name, t("form.needed")])) as Partial<
    Record<keyof T & string, string>
  >;

function WaitDialog(shown: MoveShown) {
  const { incident, members } = shown.loaded;
  const reporter = members.find((each) => each.user_id === incident.reported_by_id && each.user_id !== shown.me);
  const { form, conflict } = useMove(
    shown,
    "wait",
    { owner_id: reporter ? String(reporter.user_id) : "", reason: "" },
    (values) => ({ owner_id: Number(values.owner_id), reason: values.reason }),
    (read) => t("done.wait", { key: read.incident.key }),
    (values) => ({
      ...needed(values, "reason"),
      ...(!values.owner_id && { owner_id: t("form.pick") }),
    }),
  );
  return (
    <Dialog title={t("wait.title")} onClose={shown.onClose}>
      {conflict}
      <Form form={form}>
        <p class="muted">{t("wait.why")}</p>
        <Choice
          form={form}
          name="owner_id"
          label={t("wait.owner")}
          empty={t("wait.pick")}
          options={sorted(members).map((each) => ({ value: String(each.user_id), label: each.user_name }))}
        />
        <TextArea
          form={form}
          name="reason"
          label={t("wait.reason")}
          hint={t("wait.reasonHint")}
          maxLength={lengths.WaitInputRequest.reason}
        />
        <Actions form={form} send={t("wait.send")} onCancel={shown.onClose} />
      </Form>
    </Dialog>
  );
}

function EscalateDialog(shown: MoveShown) {
  const { incident, members } = shown.loaded;
  const levels = levelsAbove(incident.support_level);
  const { form, conflict } = useMove(
    shown,
    "escalate",
    { support_level: levels[0] ?? "", assigned_to_id: "", reason: "" },
    (values) => ({
      reason: values.reason,
      support_level: values.support_level,
      ...(values.assigned_to_id && { assigned_to_id: Number(values.assigned_to_id) }),
    }),
    (read) => t("done.escalate", { key: read.incident.key, level: read.incident.support_level ?? "" }),
    (values) => needed(values, "reason"),
  );
  const level = form.values.support_level;
  const people = sorted(members.filter((each) => each.support_level === level));
  const told = people.filter((each) => each.user_id !== shown.me).map((each) => each.user_name);
  return (
    <Dialog title={t("escalate.title", { key: incident.key })} onClose={shown.onClose}>
      {conflict}
      <Form form={form}>
        <div class="pair-fields">
          <Choice
            form={form}
            name="support_level"
            label={t("escalate.level")}
            options={levels.map((each) => ({ value: each, label: each }))}
          />
          <Choice
            form={form}
            name="assigned_to_id"
            optional
            label={t("escalate.to")}
            empty={
              incident.assigned_to_name
                ? t("escalate.keep", { name: incident.assigned_to_name })
                : t("escalate.keepNobody")
            }
            options={people.map((each) => ({ value: String(each.user_id), label: each.user_name }))}
          />
        </div>
        <TextArea
          form={form}
          name="reason"
          label={t("escalate.reason")}
          hint={t("escalate.reasonHint")}
          maxLength={lengths.EscalateInputRequest.reason}
        />
        <p class="small muted">
          {told.length
            ? t("escalate.told", { names: told.join(", ") })
            : t("escalate.toldManagers", { level })}
        </p>
        <Actions form={form} send={t("escalate.send", { level })} onCancel={shown.onClose} />
      </Form>
    </Dialog>
  );
}

const CAUSES = ["config", "data", "training", "process", "development", "external"] as const;

function ResolveDialog(shown: MoveShown) {
  const { incident } = shown.loaded;
  const { form, conflict } = useMove(
    shown,
    "resolve",
    {
      root_cause: incident.root_cause ?? "",
      resolution_notes: incident.resolution_notes ?? "",
      root_cause_category: incident.root_cause_category ?? "",
    },
    ({ root_cause_category, ...texts }) => ({ ...texts, ...(root_cause_category && { root_cause_category }) }),
    (read) => t("done.resolve", { key: read.incident.key }),
    (values) => needed(values, "root_cause", "resolution_notes"),
  );
  return (
    <Dialog title={t("resolve.title", { key: incident.key })} onClose={shown.onClose}>
      {conflict}
      <Form form={form}>
        <p class="muted">{t("resolve.causeHint")}</p>
        <TextArea form={form} name="root_cause" label={t("resolve.cause")} maxLength={lengths.ResolveInputRequest.root_cause} />
        <TextArea
          form={form}
          name="resolution_notes"
          label={t("resolve.notes")}
          maxLength={lengths.ResolveInputRequest.resolution_notes}
        />
        <Choice
          form={form}
          name="root_cause_category"
          optional
          label={t("resolve.category")}
          empty={t("resolve.noCategory")}
          options={CAUSES.map((each) => ({ value: each, label: t(`cause.${each}`) }))}
        />
        <Actions form={form} send={t("resolve.send")} onCancel={shown.onClose} />
      </Form>
    </Dialog>
  );
}

function ReopenDialog(shown: MoveShown) {
  const { incident } = shown.loaded;
  const { form, conflict } = useMove(
    shown,
    "reopen",
    { reason: "" },
    (values) => values,
    (read) => t("done.reopen", { key: read.incident.key }),
  );
  return (
    <Dialog title={t("reopen.title", { key: incident.key })} onClose={shown.onClose}>
      {conflict}
      <Form form={form}>
        <TextArea
          form={form}
          name="reason"
          label={t("reopen.reason")}
          hint={t("reopen.why")}
          maxLength={lengths.ReopenInputRequest.reason}
          optional
        />
        <Actions form={form} send={t("reopen.send")} onCancel={shown.onClose} />
      </Form>
    </Dialog>
  );
}

function AnsweredDialog(shown: MoveShown) {
  const { form, conflict } = useMove(
    shown,
    "first-response",
    {},
    () => ({}),
    () => t("done.answer"),
  );
  return (
    <Dialog title={t("answered.title")} onClose={shown.onClose}>
      {conflict}
      <Form form={form}>
        <p>{t("answered.why")}</p>
        <Actions form={form} send={t("answered.send")} onCancel={shown.onClose} />
      </Form>
    </Dialog>
  );
}

// ---- who works on it -----------------------------------------------------------------------------------------------

function AssignDialog(shown: MoveShown) {
  const { loaded, me } = shown;
  const { incident } = loaded;
  const { form, conflict } = useMove(
    shown,
    "assign",
    { assigned_to_id: String(incident.assigned_to_id ?? "") },
    (values) => ({ assigned_to_id: values.assigned_to_id ? Number(values.assigned_to_id) : null }),
    ({ incident: now }) =>
      now.assigned_to_name ? t("done.assign", { name: now.assigned_to_name, key: now.key }) : t("done.unassign", { key: now.key }),
  );
  return (
    <Dialog title={t("assign.title", { key: incident.key })} onClose={shown.onClose}>
      {conflict}
      <Form form={form}>
        <Picker form={form} members={loaded.members} now={incident.assigned_to_id} me={me} />
        <Actions form={form} send={t("assign.send")} onCancel={shown.onClose} />
      </Form>
    </Dialog>
  );
}

interface PickerShown {
  form: FormState<{ assigned_to_id: string }>;
  members: Member[];
  now: number | null;
  me: number;
}

/** The members to choose from, with how much each has already; typing narrows them down. */
function Picker({ form, members, now, me }: PickerShown) {
  const [search, setSearch] = useState("");
  const list = useRef<HTMLDivElement>(null);
  const load = useMemo(() => {
    const open = new Map<number, number>();
    for (const each of board.peek()?.incidents ?? []) {
      if (each.assigned_to_id !== null) open.set(each.assigned_to_id, (open.get(each.assigned_to_id) ?? 0) + 1);
    }
    return open;
  }, []);
  const able = members.filter((each) => each.role !== null && each.role !== "customer");
  const found = sorted(able, me).filter((each) => matches(each.user_name, search));
  const chosen = form.values.assigned_to_id;
  useEffect(() => {
    const [only] = found;
    if (search && only && !found.some((each) => String(each.user_id) === chosen)) {
      form.set("assigned_to_id", String(only.user_id));
    }
  }, [search]);
  return (
    <fieldset class="picker">
      <legend class="vh">{t("assign.people")}</legend>
      <input
        type="search"
        autocomplete="off"
        aria-label={t("assign.search")}
        placeholder={t("assign.search")}
        value={search}
        onInput={(event) => setSearch(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown") return;
          event.preventDefault();
          list.current?.querySelector<HTMLInputElement>("input:checked, input")?.focus();
        }}
      />
      <div class="picker-list" ref={list}>
        {found.map((each) => (
          <Option
            key={each.user_id}
            form={form}
            value={String(each.user_id)}
            name={each.user_id === me ? `${each.user_name} (${t("assign.me")})` : each.user_name}
            avatar={each.user_name}
            notes={[
              each.support_level,
              load.get(each.user_id) ? plural("assign.open", load.get(each.user_id)!) : "",
              each.user_id === now ? t("assign.has") : "",
            ]}
          />
        ))}
        {!search && <Option form={form} value="" name={t("assign.nobody")} avatar={null} notes={[t("assign.nobodyHint")]} />}
        {!found.length && <p class="muted picker-none">{t("assign.none")}</p>}
      </div>
      {form.errors["assigned_to_id"] && (
        <p class="field-error" role="alert">
          {form.errors["assigned_to_id"]}
        </p>
      )}
    </fieldset>
  );
}

interface OptionShown {
  form: FormState<{ assigned_to_id: string }>;
  value: string;
  name: string;
  avatar: string | null;
  notes: string[];
}

function Option({ form, value, name, avatar, notes }: OptionShown) {
  return (
    <label class="picker-option">
      <input
        type="radio"
        name="assigned_to_id"
        value={value}
        checked={form.values.assigned_to_id === value}
        onChange={() => form.set("assigned_to_id", value)}
      />
      <Avatar name={avatar} />
      <span class="picker-name">{name}</span>
      <span class="small muted">{notes.filter(Boolean).join(" · ")}</span>
    </label>
  );
}

/** Those with a support level first, `me` before all, then by name. */
function sorted(members: Member[], me?: number): Member[] {
  const rank = (each: Member) => (each.user_id === me ? 0 : each.support_level ? 1 : 2);
  return members.toSorted((a, b) => rank(a) - rank(b) || a.user_name.localeCompare(b.user_name, document.documentElement.lang));
}

/** Whether a name has every word of a search, however it is written. */
function matches(name: string, search: string): boolean {
  const plain = (text: string) =>
    text.toLocaleLowerCase("tr").replaceAll("ı", "i").normalize("NFD").replace(/\p{M}/gu, "");
  return plain(search).split(/\s+/).every((part) => plain(name).includes(part));
}
