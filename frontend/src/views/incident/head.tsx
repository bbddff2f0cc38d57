import { useMemo, useState } from "preact/hooks";
import { Link } from "wouter-preact";

import { newKey } from "../../api/client";
import { fmt, plural, t, word } from "../../i18n";
import { useKey } from "../../keys";
import { routes } from "../../routes";
import { code } from "../../state/me";
import { readDraft } from "../../ui/drafts";
import { Glow } from "../../ui/glow";
import { Moment } from "../../ui/moment";
import { Severity } from "../../ui/severity";
import { saidOf } from "../../ui/states";
import { toast } from "../../ui/toast";
import { type Incident, type Read, type Verb, move } from "./api";
import type { Loaded } from "./data";
import { draftOf } from "./edit";
import { type Act, MoveDialog } from "./moves";
import { pairOf } from "./story";

interface Shown {
  loaded: Loaded;
  me: number;
  isOurs: boolean;
  zone: string;
  isEditing: boolean;
  onEdit: () => void;
  onDone: (read: Read) => void;
  /** It is not as it was thought to be. */
  onRefused: () => void;
}

/** What the incident is, who has it, and what can be done with it now. */
export function Head({ loaded, isOurs, zone, ...others }: Shown) {
  const { incident } = loaded;
  const where = [
    word("status", incident.status),
    incident.support_level,
    incident.reopened_count ? plural("incident.reopened", incident.reopened_count) : "",
  ].filter(Boolean);
  return (
    <div class="head">
      <div class="head-main">
        <p class="sub">
          <Link class="crumb-link" href={routes.incidents(code.value)}>
            {t("incident.crumb")}
          </Link>
          <Glow of={incident.severity}>
            <Severity value={incident.severity} withWord />
          </Glow>
          <span>{incident.key}</span>
          <Glow of={where.join()} class={`status status-${incident.status}`}>
            {where.join(" · ")}
          </Glow>
        </p>
        <h1 class="big" tabIndex={-1}>
          <Glow of={incident.title}>{incident.title}</Glow>
        </h1>
        <Facts loaded={loaded} isOurs={isOurs} zone={zone} />
      </div>
      {incident.allowed_actions.length > 0 && <Verbs loaded={loaded} isOurs={isOurs} zone={zone} {...others} />}
    </div>
  );
}

function Facts({ loaded, isOurs, zone }: Pick<Shown, "loaded" | "isOurs" | "zone">) {
  const { incident } = loaded;
  const what = [incident.affected_module, incident.incident_type && word("type", incident.incident_type)].filter(Boolean);
  const since = useMemo(() => heldSince(loaded), [loaded]);
  return (
    <ul class="facts">
      {what.length > 0 && <li>{what.join(" · ")}</li>}
      {incident.affected_users_count !== null && <li>{plural("incident.users", incident.affected_users_count)}</li>}
      <li title={fmt.fully(incident.created_at, zone)}>{reported(incident, zone)}</li>
      {isOurs && (
        <li>
          {incident.assigned_to_name ? (
            <>
              <Glow of={incident.assigned_to_id}>
                <b>{t("incident.has", { name: incident.assigned_to_name })}</b>
              </Glow>
              {since && (
                <span class="muted">
                  {" · "}
                  <Moment at={since} zone={zone} />
                </span>
              )}
            </>
          ) : (
            <b class="soon">{t("incident.nobody")}</b>
          )}
        </li>
      )}
    </ul>
  );
}

function reported(incident: Incident, zone: string): string {
  const at = fmt.moment(incident.created_at, zone);
  return incident.reported_by_name
    ? t("incident.reportedBy", { name: incident.reported_by_name, at })
    : t("incident.reportedFrom", { source: t(`source.${incident.source}`), at });
}

/** Since when its assignee has it, by the journal. */
function heldSince({ incident, events }: Loaded): string | null {
  const given = events.findLast((event) => pairOf(event.details, "assigned_to")?.[1] === incident.assigned_to_id);
  return incident.assigned_to_id !== null ? (given?.at ?? null) : null;
}

// ---- what can be done ----------------------------------------------------------------------------------------------

interface Button {
  letter: string;
  label: string;
  do: () => void;
  primary?: boolean;
}

function Verbs({ loaded, me, isEditing, onEdit, onDone, onRefused }: Shown) {
  const [act, setAct] = useState<Act | null>(null);
  const [busy, setBusy] = useState<Verb | null>(null);
  const { incident, at, etag } = loaded;

  async function now(verb: Verb, body: object, said: string): Promise<void> {
    if (busy) return;
    setBusy(verb);
    try {
      onDone(await move(at, verb, body, etag, newKey()));
      toast(said);
    } catch (error) {
      const { title, why } = saidOf(error as Error);
      toast(why || title, "bad");
      onRefused();
    } finally {
      setBusy(null);
    }
  }

  const { key } = incident;
  const may = (step: string) => incident.allowed_actions.includes(step);
  const buttons: (Button | false)[] = [
    may("assign") &&
      incident.assigned_to_id !== me && {
        letter: "t",
        label: t("act.take"),
        do: () => void now("assign", { assigned_to_id: me }, t("done.take", { key })),
      },
    may("assign") && { letter: "a", label: t("act.assign"), do: () => setAct("assign") },
    may("wait") && { letter: "w", label: t("act.wait"), do: () => setAct("wait") },
    may("resume") && {
      letter: "w",
      label: t("act.resume"),
      do: () => void now("resume", {}, t("done.resume", { key })),
    },
    may("escalate") && { letter: "e", label: t("act.escalate"), do: () => setAct("escalate") },
    may("edit") && {
      letter: "d",
      label: t(!isEditing && readDraft(draftOf(incident.id)) ? "act.editDraft" : "act.edit"),
      do: onEdit,
    },
    may("reopen") && { letter: "o", label: t("act.reopen"), do: () => setAct("reopen") },
    may("resolve") && { letter: "s", label: t("act.resolve"), do: () => setAct("resolve"), primary: true },
    may("close") && {
      letter: "x",
      label: t("act.close"),
      do: () => void now("close", {}, t("done.close", { key })),
      primary: true,
    },
  ];
  return (
    <>
      <div class="verbs" role="group" aria-label={t("incident.actions")}>
        {buttons.map((each) => each && <KeyedButton key={each.label} {...each} isBusy={busy !== null} />)}
      </div>
      {act && (
        <MoveDialog act={act} loaded={loaded} me={me} onDone={onDone} onRefused={onRefused} onClose={() => setAct(null)} />
      )}
    </>
  );
}

function KeyedButton({ letter, label, do: act, primary, isBusy }: Button & { isBusy: boolean }) {
  useKey(letter, label, act);
  return (
    <button type="button" class={`btn${primary ? " primary" : ""}`} aria-keyshortcuts={letter} aria-disabled={isBusy} onClick={act}>
      {label} <kbd aria-hidden="true">{letter}</kbd>
    </button>
  );
}
