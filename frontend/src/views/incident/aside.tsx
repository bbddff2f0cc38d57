import { useCallback, useEffect, useState } from "preact/hooks";
import { Link } from "wouter-preact";

import { fmt, plural, t, word } from "../../i18n";
import { useKey } from "../../keys";
import { routes } from "../../routes";
import { code } from "../../state/me";
import { thresholds } from "../../thresholds";
import { Dialog } from "../../ui/dialog";
import { Actions, Form, useForm } from "../../ui/form";
import { Glow } from "../../ui/glow";
import { Loading } from "../../ui/states";
import { toast } from "../../ui/toast";
import { useLoaded } from "../loaded";
import { type Change, type ClockExplained, type Read, edit, findChanges, readBacklogItem, readChange } from "./api";
import type { Loaded } from "./data";

interface Shown {
  loaded: Loaded;
  isOurs: boolean;
  zone: string;
  onDone: (read: Read) => void;
}

/** What belongs to the incident, and what it is in detail. */
export function Aside(shown: Shown) {
  const { incident, at } = shown.loaded;
  const change = incident.change_request_id;
  return (
    <aside class="incident-aside" aria-label={t("aside.details")}>
      {shown.isOurs ? <ChangePanel {...shown} /> : change && <TheirChange key={change} project={at.project} id={change} />}
      <Details {...shown} />
    </aside>
  );
}

function ChangePanel({ loaded, onDone }: Shown) {
  const { incident, at } = loaded;
  const [isLinking, setLinking] = useState(false);
  const id = incident.change_request_id;
  const mayLink = incident.allowed_actions.includes("edit");
  return (
    <section class="card panel">
      <h2>{t("aside.change")}</h2>
      {id ? (
        <LinkedChange key={id} project={at.project} id={id} />
      ) : (
        <p class="muted">{t(incident.requires_change_request ? "aside.needsChange" : "aside.noChange")}</p>
      )}
      {mayLink && (
        <div class="panel-acts">
          {!id && (
            <Link class="btn" href={`${routes.newChange(code.value)}?incident=${incident.number}`}>
              {t("aside.draft")}
            </Link>
          )}
          <LinkButton label={t(id ? "aside.relink" : "aside.link")} onClick={() => setLinking(true)} />
        </div>
      )}
      {isLinking && <LinkDialog loaded={loaded} onDone={onDone} onClose={() => setLinking(false)} />}
    </section>
  );
}

function LinkButton({ label, onClick }: { label: string; onClick: () => void }) {
  useKey("l", t("act.link"), onClick);
  return (
    <button type="button" class="btn" aria-keyshortcuts="l" onClick={onClick}>
      {label} <kbd aria-hidden="true">l</kbd>
    </button>
  );
}

/** To a customer: the change request, if it is one that they may see. */
function TheirChange({ project, id }: { project: string; id: string }) {
  const { data } = useLoaded(useCallback(() => readChange(project, id), [project, id]));
  if (!data) return null;
  return (
    <section class="card panel">
      <h2>{t("aside.change")}</h2>
      <ChangeShown change={data} />
    </section>
  );
}

function LinkedChange({ project, id }: { project: string; id: string }) {
  const { data, problem } = useLoaded(useCallback(() => readChange(project, id), [project, id]));
  if (problem) return <p class="muted">{problem.detail}</p>;
  return data ? <ChangeShown change={data} /> : <Loading rows={1} />;
}

function ChangeShown({ change: data }: { change: Change }) {
  const planned = data.planned_implementation_date;
  const approvals = data.votes.filter((vote) => vote.vote === "approve").length;
  return (
    <div class="cr">
      <span class={`chip chip-${data.status}`}>{t(`changeStatus.${data.status}`)}</span>
      <Link class="cr-title" href={routes.change(code.value, data.number)}>
        {data.cr_number} {data.title}
      </Link>
      <small class="muted">
        {[
          data.status === "pending_approval" && t("aside.approved", { n: approvals, quorum: data.quorum }),
          planned && t("aside.planned", { at: fmt.day(planned, "UTC") }),
        ]
          .filter(Boolean)
          .join(" · ")}
      </small>
    </div>
  );
}

interface LinkShown {
  loaded: Loaded;
  onDone: (read: Read) => void;
  onClose: () => void;
}

function LinkDialog({ loaded, onDone, onClose }: LinkShown) {
  const { incident, at, etag } = loaded;
  const [search, setSearch] = useState("");
  const [asked, setAsked] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setAsked(search), thresholds.page.TYPING_MS);
    return () => clearTimeout(timer);
  }, [search]);
  const { data: found, problem } = useLoaded(useCallback(() => findChanges(at.project, asked), [at.project, asked]));
  const form = useForm(
    { change_request_id: incident.change_request_id ?? "" },
    {
      send: async ({ change_request_id: chosen }) => {
        const read = await edit(at, { change_request_id: chosen || null }, etag);
        const change = found?.find((each) => each.id === chosen)?.cr_number ?? "";
        toast(chosen ? t("done.link", { change, key: incident.key }) : t("done.unlink"));
        onDone(read);
        onClose();
      },
    },
  );
  return (
    <Dialog title={t("link.title")} onClose={onClose}>
      <Form form={form}>
        <fieldset class="picker">
          <legend class="vh">{t("link.title")}</legend>
          <input
            type="search"
            autocomplete="off"
            aria-label={t("link.search")}
            placeholder={t("link.search")}
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
          <div class="picker-list">
            {!found && !problem && <Loading rows={3} />}
            {problem && <p class="muted picker-none">{problem.detail}</p>}
            {found?.length === 0 && <p class="muted picker-none">{t("link.none")}</p>}
            {found?.map((each) => (
              <ChangeOption
                key={each.id}
                change={each}
                chosen={form.values.change_request_id}
                onChoose={(id) => form.set("change_request_id", id)}
              />
            ))}
            {incident.change_request_id && (
              <ChangeOption
                change={null}
                chosen={form.values.change_request_id}
                onChoose={(id) => form.set("change_request_id", id)}
              />
            )}
          </div>
        </fieldset>
        <Actions form={form} send={t("link.send")} onCancel={onClose} />
      </Form>
    </Dialog>
  );
}

interface OptionShown {
  change: Change | null;
  chosen: string;
  onChoose: (id: string) => void;
}

function ChangeOption({ change, chosen, onChoose }: OptionShown) {
  const id = change?.id ?? "";
  return (
    <label class="picker-option">
      <input type="radio" name="change_request_id" value={id} checked={chosen === id} onChange={() => onChoose(id)} />
      <span class="picker-name">{change ? `${change.cr_number} ${change.title}` : t("link.unlink")}</span>
      {change && <span class="small muted">{t(`changeStatus.${change.status}`)}</span>}
    </label>
  );
}

// ---- details -------------------------------------------------------------------------------------------------------

function Details({ loaded, isOurs }: Shown) {
  const { incident, clocks, events, at } = loaded;
  const replies = events.filter((event) => event.verb === "incident.commented").length;
  const rows: [string, string | null][] = [
    [t("aside.type"), incident.incident_type ? word("type", incident.incident_type) : null],
    [t("aside.module"), incident.affected_module || null],
    [t("aside.users"), incident.affected_users_count === null ? null : fmt.number(incident.affected_users_count)],
    [t("aside.source"), incident.reported_by_name ?? t(`source.${incident.source}`)],
    [t("aside.cause"), incident.root_cause_category ? word("cause", incident.root_cause_category) : null],
  ];
  if (isOurs) {
    const resolution = clocks.clocks.find((clock) => clock.clock === "resolution");
    rows.push([t("aside.level"), incident.support_level || null]);
    if (resolution) rows.push([t("aside.policy"), policyOf(resolution, incident.severity)]);
    const seen = plural("aside.sees", replies);
    rows.push([t("aside.customerSees"), incident.resolved_at ? `${seen}, ${t("aside.seesAll")}` : seen]);
  }
  const shown = isOurs ? rows : rows.filter(([, value]) => value !== null);
  return (
    <section class="card panel">
      <h2>{t("aside.details")}</h2>
      <dl class="details">
        {shown.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class={value === null ? "muted" : ""}>
              <Glow of={value}>{value ?? "–"}</Glow>
            </dd>
          </div>
        ))}
        {isOurs && incident.linked_backlog_item_id && (
          <Wricef project={at.project} id={incident.linked_backlog_item_id} />
        )}
      </dl>
    </section>
  );
}

function Wricef({ project, id }: { project: string; id: string }) {
  const { data } = useLoaded(useCallback(() => readBacklogItem(project, id), [project, id]));
  return (
    <div>
      <dt>{t("aside.wricef")}</dt>
      <dd>{data ? data.url ? <a href={data.url}>{`${data.key} ${data.title}`}</a> : `${data.key} ${data.title}` : "–"}</dd>
    </div>
  );
}

/** By which targets and hours a clock runs: what its start or its newest target says. */
function policyOf(clock: ClockExplained, severity: string): string {
  const terms = clock.events.findLast((event) => event.target_minutes !== null);
  const targets = t(terms?.policy_id ? "aside.policyOwn" : "aside.policyDefault", { severity });
  const hours = terms?.calendar
    ? t("aside.calendar", { calendar: terms.calendar, version: terms.calendar_version ?? 1 })
    : t("aside.roundTheClock");
  return `${targets}, ${hours}`;
}
