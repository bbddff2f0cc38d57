import { useEffect, useRef, useState } from "preact/hooks";

import type { Problem } from "../../api/client";
import { lengths } from "../../api/lengths";
import { fmt, t } from "../../i18n";
import { serverNow } from "../../live/clock";
import { ConflictPanel, type Difference } from "../../ui/conflict";
import { dropDraft, keepDraft, readDraft } from "../../ui/drafts";
import { Actions, Choice, Form, TextArea, TextField, useForm } from "../../ui/form";
import { SEVERITIES, severityWord } from "../../ui/severity";
import { toast } from "../../ui/toast";
import { TYPES } from "../types";
import { type Incident, type Read, edit } from "./api";
import type { Loaded } from "./data";
import { doneBy, lastSeq } from "./moves";
import { meanwhile, valueOf } from "./story";

const LONGEST = lengths.PatchedIncidentChangeRequest;

interface Shown {
  loaded: Loaded;
  me: number;
  modules: string[];
  onDone: (read: Read) => void;
  /** It is not as it was thought to be. */
  onRefused: () => void;
  onClose: () => void;
}

type Fields = Pick<
  Incident,
  "title" | "description" | "severity" | "incident_type" | "affected_module" | "affected_users_count"
>;
type Written = Record<keyof Fields, string>;
const NAMES = ["title", "description", "severity", "incident_type", "affected_module", "affected_users_count"] as const;

/** What can be edited, where it stands. Only what was changed is sent, on top of the version that was read. */
export function EditForm({ loaded, me, modules, onDone, onRefused, onClose }: Shown) {
  const { incident } = loaded;
  const draft = draftOf(incident.id);
  const [base, setBase] = useState<Base>(() => keptBase(draft) ?? baseOf(loaded));
  const [refused, setRefused] = useState<Problem | null>(null);
  const form = useForm<Written>(written(base.incident), {
    draft,
    check: (values) => ({
      ...(!values.title.trim() && { title: t("form.needed") }),
      ...(!/^\d*$/.test(values.affected_users_count.trim()) && { affected_users_count: t("form.number") }),
    }),
    onConflict: (problem) => {
      setRefused(problem);
      onRefused();
      return true;
    },
    send: async (values) => {
      const body = bodyOf(changedNames(values, base.incident), values);
      if (Object.keys(body).length) {
        onDone(await edit(loaded.at, body, base.etag));
        toast(t("done.edit"));
      }
      dropDraft(`${draft}:base`);
      onClose();
    },
  });
  const section = useRef<HTMLElement>(null);
  useEffect(() => {
    section.current?.querySelector("input")?.focus();
    return () => document.querySelector<HTMLElement>("[aria-keyshortcuts=d]")?.focus();
  }, []);
  useEffect(() => keepDraft(`${draft}:base`, base), [base]);
  const isSurpassed = incident.version !== base.incident.version || refused !== null;
  const theirs = NAMES.filter((name) => written(incident)[name] !== written(base.incident)[name]);
  const mine = changedNames(form.values, base.incident);

  function again(): void {
    const now = written(incident);
    for (const name of theirs) if (!mine.includes(name)) form.set(name, now[name]);
    setBase(baseOf(loaded));
    setRefused(null);
  }

  function discard(): void {
    form.reset(written(incident));
    dropDraft(`${draft}:base`);
    onClose();
  }

  const keepsSeverity = incident.status === "resolved";
  return (
    <section ref={section} class="card edit" aria-label={t("edit.title", { key: incident.key })}>
      {isSurpassed && !form.isBusy && (
        <Surpassed
          loaded={loaded}
          me={me}
          seq={base.seq}
          refused={refused}
          differences={theirs.map((name) => difference(name, incident, form.values, mine.includes(name)))}
          onAgain={incident.allowed_actions.includes("edit") ? again : undefined}
          onDiscard={discard}
        />
      )}
      <Form form={form}>
        <TextField form={form} name="title" label={t("edit.name")} maxLength={LONGEST.title} />
        <TextArea form={form} name="description" label={t("edit.description")} rows={5} maxLength={LONGEST.description} optional />
        <div class="edit-grid">
          <Choice
            form={form}
            name="severity"
            label={t("edit.severity")}
            hint={t(keepsSeverity ? "edit.severityKept" : "edit.severityHint")}
            options={SEVERITIES.map((each) => ({ value: each, label: `${each} ${severityWord(each)}` }))}
          />
          <Choice
            form={form}
            name="incident_type"
            label={t("edit.type")}
            optional
            empty={t("edit.noType")}
            options={TYPES.map((each) => ({ value: each, label: t(`type.${each}`) }))}
          />
          <TextField
            form={form}
            name="affected_module"
            label={t("edit.module")}
            maxLength={LONGEST.affected_module}
            suggestions={modules}
            optional
          />
          <TextField
            form={form}
            name="affected_users_count"
            label={t("edit.users")}
            inputMode="numeric"
            maxLength={LONGEST.affected_users_count}
            optional
          />
        </div>
        <Actions form={form} send={t("edit.save")} onCancel={discard} />
      </Form>
    </section>
  );
}

/** What an edit began from. */
interface Base {
  incident: Incident;
  etag: string;
  seq: number;
}

/** The name under which an edit is kept until it is sent. */
export function draftOf(incident: string): string {
  return `edit:${incident}`;
}

function baseOf(loaded: Loaded): Base {
  return { incident: loaded.incident, etag: loaded.etag, seq: lastSeq(loaded) };
}

/** What a kept edit began from: only so is it known what its writer changed. */
function keptBase(draft: string): Base | null {
  return readDraft<Written>(draft) && readDraft<Base>(`${draft}:base`);
}

interface SurpassedShown {
  loaded: Loaded;
  me: number;
  seq: number;
  refused: Problem | null;
  differences: Difference[];
  onAgain: (() => void) | undefined;
  onDiscard: () => void;
}

function Surpassed({ loaded, me, seq, refused, ...panel }: SurpassedShown) {
  const event = meanwhile(loaded.events, seq, me);
  return (
    <ConflictPanel
      who={event?.by.name ?? ""}
      what={event ? doneBy(event.verb) : (refused?.detail ?? t("meanwhile.other"))}
      when={event ? fmt.ago(event.at, serverNow.peek()) : ""}
      {...panel}
    />
  );
}

function written(incident: Fields): Written {
  return {
    title: incident.title,
    description: incident.description,
    severity: incident.severity,
    incident_type: incident.incident_type,
    affected_module: incident.affected_module,
    affected_users_count: String(incident.affected_users_count ?? ""),
  };
}

function changedNames(values: Written, base: Fields): (keyof Fields)[] {
  const before = written(base);
  return NAMES.filter((name) => values[name].trim() !== before[name]);
}

function bodyOf(names: (keyof Fields)[], values: Written): Partial<Fields> {
  const users = values.affected_users_count.trim();
  const every = { ...values, affected_users_count: users ? Number(users) : null } as Fields;
  return Object.fromEntries(names.map((name) => [name, every[name]]));
}

function difference(name: keyof Fields, theirs: Fields, values: Written, isMine: boolean): Difference {
  return {
    label: t(`field.${name}`),
    theirs: valueOf(name, theirs[name]),
    yours: isMine ? valueOf(name, values[name]) : t("conflict.unchanged"),
  };
}
