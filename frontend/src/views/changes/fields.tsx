import { lengths } from "../../api/lengths";
import { t } from "../../i18n";
import { serverNow } from "../../live/clock";
import { isOurs, project } from "../../state/me";
import { Choice, Field, TextArea, TextField, type FormState } from "../../ui/form";
import { SEVERITIES, severityWord } from "../../ui/severity";
import type { Change, Edit } from "./api";
import { today } from "./days";

/** What people write of a change request, as a form holds it. */
export type Written = {
  title: string;
  change_type: string;
  priority: string;
  affected_module: string;
  description: string;
  impact_assessment: string;
  rollback_plan: string;
  planned_implementation_date: string;
  /** "yes" or "". */
  test_required: string;
  test_evidence: string;
};

export const BLANK: Written = {
  title: "",
  change_type: "",
  priority: "P3",
  affected_module: "",
  description: "",
  impact_assessment: "",
  rollback_plan: "",
  planned_implementation_date: "",
  test_required: "yes",
  test_evidence: "",
};
export const NAMES = Object.keys(BLANK) as (keyof Written)[];

const TYPES = ["config", "development", "data", "authorization", "emergency"] as const;
/** An edit may be as long as a draft. */
const LONGEST = lengths.ChangeDraftRequest;

/** A change request as the form holds it. */
export function writtenOf(change: Change): Written {
  return {
    title: change.title,
    change_type: change.change_type,
    priority: change.priority,
    affected_module: change.affected_module,
    description: change.description,
    impact_assessment: change.impact_assessment,
    rollback_plan: change.rollback_plan,
    planned_implementation_date: change.planned_implementation_date ?? "",
    test_required: change.test_required ? "yes" : "",
    test_evidence: change.test_evidence,
  };
}

/** What is sent for the fields `names` of a form. */
export function bodyOf(written: Written, names: readonly (keyof Written)[] = NAMES): Edit {
  const value = (name: keyof Written) => {
    const text = written[name].trim();
    if (name === "test_required") return text === "yes";
    return name === "planned_implementation_date" ? text || null : text;
  };
  return Object.fromEntries(names.map((name) => [name, value(name)]));
}

/** What a field is called beside others: in a conflict. */
export function labelOf(name: keyof Written): string {
  return t(name === "priority" ? "change.field.severity" : `change.field.${name}`);
}

interface Shown {
  form: FormState<Written>;
  /** Whether how it was tested is asked for already. */
  hasEvidence: boolean;
}

/** The fields of a change request, with plain words of help. */
export function ChangeFields({ form, hasEvidence }: Shown) {
  const { time_zone: zone } = project.value!;
  const options = (values: readonly string[], label: (value: never) => string) =>
    values.map((value) => ({ value, label: label(value as never) }));
  return (
    <>
      <fieldset class="card cr-form-part">
        <legend>{t("change.form.section.what")}</legend>
        <TextField form={form} name="title" label={t("change.form.title")} hint={t("change.form.titleHint")} maxLength={LONGEST.title} />
        <div class="cr-form-row">
          <Choice
            form={form}
            name="change_type"
            label={t("change.form.type")}
            empty={t("change.form.choose")}
            options={options(TYPES, (type: (typeof TYPES)[number]) => t(`changes.type.${type}`))}
          />
          <Choice
            form={form}
            name="priority"
            label={t("change.form.priority")}
            options={options(SEVERITIES, (value: (typeof SEVERITIES)[number]) => `${value} ${severityWord(value)}`)}
          />
          <TextField form={form} name="affected_module" label={t("change.form.module")} maxLength={LONGEST.affected_module} optional />
        </div>
        <TextArea
          form={form}
          name="description"
          label={t("change.form.description")}
          hint={t("change.form.descriptionHint")}
          maxLength={LONGEST.description}
          optional
        />
        <TextArea
          form={form}
          name="impact_assessment"
          label={t("change.form.impact")}
          hint={t("change.form.impactHint")}
          rows={2}
          maxLength={LONGEST.impact_assessment}
          optional
        />
      </fieldset>
      <fieldset class="card cr-form-part">
        <legend>{t("change.form.section.safe")}</legend>
        <TextArea
          form={form}
          name="rollback_plan"
          label={t("change.form.rollback")}
          hint={t(isOurs.value ? "change.form.rollbackHint" : "change.form.rollbackHintCustomer")}
          maxLength={LONGEST.rollback_plan}
          optional={!isOurs.value}
        />
      </fieldset>
      <fieldset class="card cr-form-part">
        <legend>{t("change.form.section.when")}</legend>
        <div class="cr-form-day">
          <Field
            label={t("change.form.planned")}
            hint={t("change.form.plannedHint")}
            error={form.errors.planned_implementation_date}
            optional
          >
            {(control) => (
              <input
                type="date"
                min={today(zone, serverNow.peek())}
                value={form.values.planned_implementation_date}
                onInput={(event) => form.set("planned_implementation_date", event.currentTarget.value)}
                {...control}
              />
            )}
          </Field>
        </div>
        <label class="cr-check">
          <input
            type="checkbox"
            checked={form.values.test_required === "yes"}
            onChange={(event) => form.set("test_required", event.currentTarget.checked ? "yes" : "")}
          />
          {t("change.form.test")}
        </label>
        {hasEvidence && (
          <TextArea
            form={form}
            name="test_evidence"
            label={t("change.form.evidence")}
            hint={t("change.form.evidenceHint")}
            maxLength={LONGEST.test_evidence}
            optional
          />
        )}
      </fieldset>
    </>
  );
}

/** What is wrong before anything is sent. */
export function check(written: Written, isForTheBoard: boolean): Partial<Record<keyof Written, string>> {
  const needed: (keyof Written)[] = ["title", "change_type", ...(isForTheBoard ? (["rollback_plan"] as const) : [])];
  return Object.fromEntries(needed.filter((name) => !written[name].trim()).map((name) => [name, t("change.needed")]));
}
