import { useCallback, useEffect, useRef } from "preact/hooks";
import { Link, useLocation, useSearch } from "wouter-preact";
import { newKey, Problem } from "../../api/client";
import type { Incident } from "../../api/types";
import { t } from "../../i18n";
import { routes } from "../../routes";
import { isOurs, me, project } from "../../state/me";
import { Form, useForm } from "../../ui/form";
import { usePage } from "../../ui/page";
import { Severity } from "../../ui/severity";
import { Failed, Loading, NoPermission } from "../../ui/states";
import { toast } from "../../ui/toast";
import { findIncident, readIncident } from "../incident/api";
import { useLoaded } from "../loaded";
import { draftChange, moveChange, type Draft } from "./api";
import { BLANK, bodyOf, ChangeFields, check, NAMES, type Written } from "./fields";

/** A new change request; with `?incident=` (a key, a number or an id) for that incident. */
export function NewChange() {
  const { id } = project.value!;
  const asked = new URLSearchParams(useSearch()).get("incident") ?? "";
  const number = /^(INC-)?0*([1-9]\d{0,8})$/i.exec(asked)?.[2];
  const key = number ? `INC-${number}` : asked;
  const load = useCallback(async () => (asked ? incidentOf(id, key) : null), [id, asked]);
  const { data, problem, at, reload } = useLoaded(load);

  usePage(t("change.form.new"));
  return (
    <div class="change-form">
      <h1 tabIndex={-1}>{t("change.form.new")}</h1>
      {me.value?.read_only ? (
        <NoPermission why={t("change.form.forbidden")} />
      ) : problem ? (
        <Failed problem={problem} retry={() => void reload()} />
      ) : at === null ? (
        <Loading rows={6} />
      ) : (
        <NewForm incident={data} asked={key} />
      )}
    </div>
  );
}

const ID = /^[0-9a-f-]{36}$/i;

/** The incident with this key or id; null when there is none for the reader. Raises Problem. */
async function incidentOf(project: string, asked: string): Promise<Incident | null> {
  const incident = ID.test(asked) ? asked : await findIncident(project, asked);
  if (!incident) return null;
  try {
    return (await readIncident({ project, incident })).incident;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

/** Why the change cannot be linked to this incident; "" when it can. */
function hindrance(incident: Incident | null): string {
  if (!incident) return t("change.form.noIncident");
  if (incident.change_request_id) return t("change.form.hasChange");
  if (incident.status === "closed") return t("change.form.isClosed");
  if (!isOurs.value && incident.reported_by_id !== me.value?.user.id) return t("change.form.notYours");
  return "";
}

function NewForm({ incident, asked }: { incident: Incident | null; asked: string }) {
  const { id, code } = project.value!;
  const [, go] = useLocation();
  const why = asked ? hindrance(incident) : "";
  const linked = incident && !why ? incident : null;
  const start: Written = linked
    ? { ...BLANK, title: linked.title, affected_module: linked.affected_module, priority: linked.severity }
    : BLANK;
  const isForTheBoard = useRef(false);
  const form = useForm(start, {
    draft: `change:${id}:${linked?.id ?? "new"}`,
    check: (values) => check(values, isForTheBoard.current),
    async send(values, key) {
      const body = { ...bodyOf(values, NAMES), ...(linked && { incident_id: linked.id }) } as Draft;
      const change = await draftChange(id, body, key);
      const named = { key: change.cr_number };
      let said = t("change.done.created", named);
      if (isForTheBoard.current) {
        try {
          await moveChange({ project: id, change: change.id }, "submit", {}, change.version, newKey());
          said = t("change.done.submit", named);
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          said = t("change.done.createdOnly", { ...named, why: error.detail || error.title });
        }
      }
      toast(said);
      go(routes.change(code, change.number));
    },
  });
  const isTouched = JSON.stringify(form.values) !== JSON.stringify(start);
  useEffect(() => {
    document.querySelector<HTMLElement>(".change-form [name=title]")?.focus();
  }, []);

  function send(isSubmitted: boolean) {
    isForTheBoard.current = isSubmitted;
  }

  return (
    <>
      {incident && (
        <aside class="card panel cr-linked">
          <p>
            <Severity value={incident.severity} /> <Link href={routes.incident(code, incident.number)}>{incident.key}</Link>{" "}
            {incident.title}
          </p>
          <p class={why ? "soon" : "muted"}>{why ? t("change.form.notLinked", { key: incident.key, why }) : t("change.form.linked")}</p>
        </aside>
      )}
      {!incident && why && <p class="card panel soon">{t("change.form.notLinked", { key: asked, why })}</p>}
      <Form form={form} label={t("change.form.new")}>
        <ChangeFields form={form} hasEvidence={false} />
        <p class="form-failure" role="alert" hidden={!form.failure}>
          {form.failure}
        </p>
        <div class="form-actions cr-sticky">
          <small class="muted cr-kept">{t("change.form.kept")}</small>
          {isTouched && (
            <button type="button" class="btn ghost" onClick={() => form.reset()}>
              {t("change.form.discard")}
            </button>
          )}
          <button type="submit" class={`btn${isOurs.value ? "" : " primary"}`} aria-disabled={form.isBusy} onClick={() => send(false)}>
            {t("change.form.save")}
          </button>
          {isOurs.value && (
            <button type="submit" class="btn primary" aria-disabled={form.isBusy} onClick={() => send(true)}>
              {t("change.form.submit")}
            </button>
          )}
        </div>
      </Form>
    </>
  );
}
