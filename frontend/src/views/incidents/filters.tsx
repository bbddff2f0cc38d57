import { useCallback, useEffect, useState } from "preact/hooks";
import { t } from "../../i18n";
import { isOurs, me, project } from "../../state/me";
import { Severity, SEVERITIES } from "../../ui/severity";
import { readMembers } from "../incident/api";
import { useLoaded } from "../loaded";
import type { Incident } from "./api";

/** The states as people ask for them: each is some of the API's. */
const STATES = {
  all: [],
  open: ["open", "in_progress", "waiting"],
  waiting: ["waiting"],
  resolved: ["resolved"],
  closed: ["closed"],
} as const;
const ORDERS = {
  newest: "",
  oldest: "number",
  due: "sla_resolution_deadline",
  severity: "severity",
  resolved: "-resolved_at",
} as const;

type SetAddress = (change: (before: URLSearchParams) => URLSearchParams, options: { replace: boolean }) => void;

interface Shown {
  address: URLSearchParams;
  setAddress: SetAddress;
  incidents: readonly Incident[];
  isFiltered: boolean;
}

/** What the list is filtered and sorted by. All of it stands in the address. */
export function Filters({ address, setAddress, incidents, isFiltered }: Shown) {
  const modules = useModules(incidents, address.get("module"));
  const states = address.getAll("state").sort().join();
  const isAsked = (name: keyof typeof STATES) => [...STATES[name]].sort().join() === states;

  const put = (name: string, values: readonly string[]) => setAddress((before) => withValues(before, name, values), { replace: true });

  function toggle(name: string, value: string): void {
    const values = address.getAll(name);
    put(name, values.includes(value) ? values.filter((each) => each !== value) : [...values, value]);
  }

  return (
    <div class="inc-filters" role="group" aria-label={t("incidents.filters")}>
      <div class="inc-segments" role="group" aria-label={t("incidents.states")}>
        {(Object.keys(STATES) as (keyof typeof STATES)[]).map((name) => (
          <button key={name} type="button" class="btn ghost" aria-pressed={isAsked(name)} onClick={() => put("state", STATES[name])}>
            {t(`incidents.state.${name}`)}
          </button>
        ))}
      </div>
      <div class="inc-segments" role="group" aria-label={t("incidents.severities")}>
        {SEVERITIES.map((value) => (
          <button
            key={value}
            type="button"
            class="btn ghost"
            aria-pressed={address.getAll("severity").includes(value)}
            onClick={() => toggle("severity", value)}
          >
            <Severity value={value} />
          </button>
        ))}
      </div>
      <button
        type="button"
        class="btn ghost"
        aria-pressed={address.get("breached") === "true"}
        onClick={() => toggle("breached", "true")}
      >
        {t(isOurs.value ? "incidents.breached" : "incidents.breachedCustomer")}
      </button>
      {isOurs.value ? (
        <Assignee value={address.get("assignee") ?? ""} onChoose={(value) => put("assignee", [value])} />
      ) : (
        <button
          type="button"
          class="btn ghost"
          aria-pressed={address.get("reported_by_me") === "true"}
          onClick={() => toggle("reported_by_me", "true")}
        >
          {t("incidents.reportedByMe")}
        </button>
      )}
      <select
        class="inc-pick"
        aria-label={t("incidents.module")}
        value={address.get("module") ?? ""}
        onChange={(event) => put("module", [event.currentTarget.value])}
      >
        <option value="">{t("incidents.moduleAny")}</option>
        {modules.map((module) => (
          <option key={module} value={module}>
            {module}
          </option>
        ))}
      </select>
      <select
        class="inc-pick"
        aria-label={t("incidents.order")}
        value={address.get("ordering") ?? ""}
        onChange={(event) => put("ordering", [event.currentTarget.value])}
      >
        {(Object.keys(ORDERS) as (keyof typeof ORDERS)[]).map((name) => (
          <option key={name} value={ORDERS[name]}>
            {t(`incidents.order.${name}`)}
          </option>
        ))}
      </select>
      {isFiltered && (
        <button
          type="button"
          class="btn ghost"
          aria-label={t("incidents.clear")}
          onClick={() => setAddress(() => new URLSearchParams(), { replace: true })}
        >
          {t("incidents.clearShort")}
        </button>
      )}
    </div>
  );
}

/** An address in which `name` has these values; without any, it is not there. */
export function withValues(address: URLSearchParams, name: string, values: readonly string[]): URLSearchParams {
  const after = new URLSearchParams(address);
  after.delete(name);
  for (const value of values) if (value) after.append(name, value);
  return after;
}

/** The modules met in this list so far: a filter that hides some of them does not take them from the choice. */
function useModules(incidents: readonly Incident[], asked: string | null): string[] {
  const [known, setKnown] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const met = incidents.map((each) => each.affected_module).filter(Boolean);
    if (met.some((each) => !known.has(each))) setKnown(new Set([...known, ...met]));
  }, [incidents]);
  return [...new Set([...known, ...(asked ? [asked] : [])])].sort();
}

function Assignee({ value, onChoose }: { value: string; onChoose: (value: string) => void }) {
  const { id } = project.value!;
  const members = useLoaded(useCallback(() => readMembers(id), [id]));
  const others = (members.data ?? []).filter((member) => member.support_level && member.user_id !== me.value?.user.id);
  return (
    <select class="inc-pick" aria-label={t("incidents.assignee")} value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
      <option value="">{t("incidents.assigneeAny")}</option>
      <option value="me">{t("incidents.assigneeMe")}</option>
      {others.map((member) => (
        <option key={member.id} value={String(member.user_id)}>
          {member.user_name}
        </option>
      ))}
    </select>
  );
}
