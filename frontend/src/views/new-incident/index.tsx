import { useCallback, useEffect, useRef } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";

import { api, call } from "../../api/client";
import { lengths } from "../../api/lengths";
import type { Me } from "../../api/types";
import type { components } from "../../api/schema";
import { fmt, t } from "../../i18n";
import { serverNow } from "../../live/clock";
import { routes } from "../../routes";
import { board } from "../../state/board";
import { code, project } from "../../state/me";
import { Choice, Form, type FormState, TextArea, TextField, useForm } from "../../ui/form";
import { usePage } from "../../ui/page";
import { SEVERITIES, Severity, type SeverityValue } from "../../ui/severity";
import { NoPermission } from "../../ui/states";
import { toast } from "../../ui/toast";
import { TYPES } from "../types";
import { useLoaded } from "../loaded";
import { modulesOf } from "../modules";
import { useWho } from "../who";
import "./new-incident.css";

const START = {
  title: "",
  description: "",
  severity: "P3",
  affected_module: "",
  affected_users_count: "",
  incident_type: "",
};
type Written = typeof START;

/** Reporting an incident: what is wrong, how bad it is by what it means, and which clocks start. */
export default function NewIncidentPage() {
  usePage(t("new.title"));
  const shown = project.value;
  const who = useWho();
  if (!shown || !who) return null;
  if (who.read_only) return <NoPermission why={t("new.notAllowed")} />;
  return <NewIncident project={shown.id} who={who} />;
}

function NewIncident({ project: id, who }: { project: string; who: Me }) {
  const [, go] = useLocation();
  const ours = who.role !== "customer";
  const first = useRef<HTMLDivElement>(null);
  useEffect(() => first.current?.querySelector("input")?.focus({ preventScroll: true }), []);
  const form = useForm<Written>(START, {
    draft: `new-incident:${id}`,
    check: (values) => ({
      ...(!values.title.trim() && { title: t("form.needed") }),
      ...(!/^\d*$/.test(values.affected_users_count.trim()) && { affected_users_count: t("form.number") }),
    }),
    send: async (values, key) => {
      const made = await call(
        api.POST("/api/v1/projects/{project}/hypercare/incidents", {
          params: { path: { project: id } },
          body: bodyOf(values),
          headers: { "Idempotency-Key": key },
        }),
      );
      toast(t("new.done", { key: made.key }));
      go(routes.incident(code.value, made.number));
    },
  });
  const severity = form.values.severity as SeverityValue;
  return (
    <div class="new-incident">
      <header class="new-head">
        <h1>{t("new.title")}</h1>
        <p class="muted">{t(ours ? "new.lead" : "new.leadCustomer")}</p>
      </header>
      <div class="card new-form" ref={first}>
        <Form form={form} label={t("new.title")}>
          <TextField
            form={form}
            name="title"
            label={t("new.what")}
            hint={t("new.whatHint")}
            maxLength={lengths.IncidentInputRequest.title}
          />
          <TextArea
            form={form}
            name="description"
            label={t("new.description")}
            hint={t("new.descriptionHint")}
            rows={5}
            maxLength={lengths.IncidentInputRequest.description}
            optional
          />
          <Consequences form={form} />
          <div class={ours ? "new-three" : "pair-fields"}>
            <TextField
              form={form}
              name="affected_module"
              label={t(ours ? "new.module" : "new.moduleCustomer")}
              hint={t("new.moduleHint")}
              maxLength={lengths.IncidentInputRequest.affected_module}
              suggestions={modulesOf()}
              optional
            />
            <TextField
              form={form}
              name="affected_users_count"
              label={t("new.users")}
              inputMode="numeric"
              maxLength={lengths.IncidentInputRequest.affected_users_count}
              optional
            />
            {ours && (
              <Choice
                form={form}
                name="incident_type"
                label={t("new.type")}
                empty={t("new.noType")}
                options={TYPES.map((each) => ({ value: each, label: t(`type.${each}`) }))}
                optional
              />
            )}
          </div>
          <p class="form-failure" role="alert" hidden={!form.failure}>
            {form.failure}
          </p>
          <div class="form-actions">
            <span class="small muted new-kept">{t("new.kept")}</span>
            <Link class="btn" href={routes.warRoom(code.value)} onClick={() => form.reset()}>
              {t("new.cancel")}
            </Link>
            <button type="submit" class="btn primary" aria-disabled={form.isBusy} data-busy={form.isBusy || undefined}>
              {ours ? t("new.send", { severity }) : t("new.sendCustomer")}
            </button>
          </div>
        </Form>
      </div>
      <Targets project={id} severity={severity} who={who} />
    </div>
  );
}

/** How bad it is, by what it means for work. */
function Consequences({ form }: { form: FormState<Written> }) {
  return (
    <fieldset class="consequences">
      <legend class="field-label">{t("new.severity")}</legend>
      <div class="consequences-list">
        {SEVERITIES.map((each) => (
          <label key={each} class={`consequence ${each.toLowerCase()}`}>
            <input
              type="radio"
              name="severity"
              value={each}
              checked={form.values.severity === each}
              onChange={() => form.set("severity", each)}
            />
            <span class="consequence-head">
              <b>{t(`new.${each}`)}</b>
              <Severity value={each} withWord />
            </span>
            <span class="small muted">{t(`new.${each}why`)}</span>
          </label>
        ))}
      </div>
      {form.errors["severity"] && <p class="field-error">{form.errors["severity"]}</p>}
    </fieldset>
  );
}

interface Target {
  response: number;
  resolution: number;
  inHours: boolean;
}

/** The clocks that start with this severity, where their targets are known to the reader. */
function Targets({ project: id, severity, who }: { project: string; severity: SeverityValue; who: Me }) {
  const ours = who.role !== "customer";
  const isManager = who.role === "manager" || who.role === "admin";
  const { data } = useLoaded(useCallback(() => (isManager ? readPolicy(id) : Promise.resolve(null)), [id, isManager]));
  const own = data?.targets[severity];
  const target: Target | null = own
    ? {
        response: own.response_minutes * 60,
        resolution: own.resolution_minutes * 60,
        inHours: own.calendar_id !== null,
      }
    : seenTarget(severity);
  return (
    <aside class="card panel new-targets" aria-live="polite">
      <h2>{t(ours ? "new.clocks" : "new.clocksCustomer")}</h2>
      <p>
        <Severity value={severity} withWord />
      </p>
      {target ? (
        <dl>
          <div>
            <dt>{t("new.response")}</dt>
            <dd>{fmt.left(target.response)}</dd>
          </div>
          <div>
            <dt>{t("new.resolution")}</dt>
            <dd>{fmt.left(target.resolution)}</dd>
          </div>
        </dl>
      ) : (
        <p class="muted">{t("new.noTargets")}</p>
      )}
      {target?.inHours && <p class="small muted">{t("new.hours")}</p>}
      {ours && (severity === "P1" || severity === "P2") && <p class="small muted">{t("new.urgent")}</p>}
    </aside>
  );
}

/** The project's policy in force; null where it has none of its own. Raises Problem. */
async function readPolicy(id: string): Promise<components["schemas"]["Policy"] | null> {
  const at = new Date(serverNow.peek()).toISOString();
  const page = await call(
    api.GET("/api/v1/projects/{project}/hypercare/policies", {
      params: { path: { project: id }, query: { in_force_at: at } },
    }),
  );
  return page.results[0] ?? null;
}

/** The targets that open incidents of this severity run by: those of the policy in force, which retargets them. */
function seenTarget(severity: SeverityValue): Target | null {
  const its = (board.value?.incidents ?? []).filter((each) => each.severity === severity);
  const response = its.find((each) => each.response.phase !== "fulfilled")?.response;
  const resolution = its.find((each) => each.resolution.phase !== "fulfilled")?.resolution;
  if (!response || !resolution) return null;
  return { response: response.target_seconds, resolution: resolution.target_seconds, inHours: false };
}

function bodyOf({ affected_users_count: users, incident_type: type, ...others }: Written) {
  return {
    ...others,
    severity: others.severity as SeverityValue,
    ...(users.trim() && { affected_users_count: Number(users) }),
    ...(type && { incident_type: type as (typeof TYPES)[number] }),
  };
}
