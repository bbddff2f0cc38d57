import type { ComponentChildren } from "preact";
import { lengths } from "../../api/lengths";
import { t } from "../../i18n";
import { serverNow } from "../../live/clock";
import { project } from "../../state/me";
import { Dialog } from "../../ui/dialog";
import { Actions, Field, Form, TextArea, useForm } from "../../ui/form";
import type { Change, Verb } from "./api";
import { today } from "./days";

interface Shown {
  change: Change;
  /** Raises Problem; a clash with somebody else is shown by the children. */
  send: (body: object, key: string) => Promise<void>;
  onClose: () => void;
  /** What is shown above the fields; it is given how to send once more. */
  children: (sendAgain: () => void) => ComponentChildren;
}

/** The name under which what is typed for a step is kept. */
export function draftOf(verb: Verb, change: Change): string {
  return `${verb}:${change.id}`;
}

/** The vote against a change needs a reason. */
export function RejectDialog({ change, send, onClose, children }: Shown) {
  const form = useForm(
    { reason: "" },
    {
      draft: draftOf("reject", change),
      check: ({ reason }) => (reason.trim() ? {} : { reason: t("change.needed") }),
      send: ({ reason }, key) => send({ reason: reason.trim() }, key),
      onConflict: () => true,
    },
  );
  return (
    <Dialog title={t("change.reject.title", { key: change.cr_number })} onClose={onClose}>
      <Form form={form}>
        {children(() => void form.submit())}
        <TextArea
          form={form}
          name="reason"
          label={t("change.reject.reason")}
          hint={t("change.reject.hint")}
          maxLength={lengths.RejectInputRequest.reason}
        />
        <Actions form={form} send={t("change.reject.send")} onCancel={onClose} />
      </Form>
    </Dialog>
  );
}

/** Since when the change is in the productive system, and how it was tested. */
export function ImplementDialog({ change, send, onClose, children }: Shown) {
  const now = today(project.value!.time_zone, serverNow.peek());
  const isNeeded = change.test_required;
  const form = useForm(
    { actual_implementation_date: now, test_evidence: change.test_evidence },
    {
      draft: draftOf("implement", change),
      check: (values) => ({
        ...(!values.actual_implementation_date && { actual_implementation_date: t("change.needed") }),
        ...(isNeeded && !values.test_evidence.trim() && { test_evidence: t("change.needed") }),
      }),
      send: ({ actual_implementation_date, test_evidence }, key) =>
        send({ actual_implementation_date, test_evidence: test_evidence.trim() }, key),
      onConflict: () => true,
    },
  );
  return (
    <Dialog title={t("change.implement.title", { key: change.cr_number })} onClose={onClose}>
      <Form form={form}>
        {children(() => void form.submit())}
        <Field label={t("change.implement.day")} hint={t("change.implement.dayHint")} error={form.errors.actual_implementation_date}>
          {(control) => (
            <input
              type="date"
              max={now}
              value={form.values.actual_implementation_date}
              onInput={(event) => form.set("actual_implementation_date", event.currentTarget.value)}
              {...control}
            />
          )}
        </Field>
        <TextArea
          form={form}
          name="test_evidence"
          label={t("change.implement.evidence")}
          hint={isNeeded ? t("change.implement.evidenceHint") : t("change.form.evidenceHint")}
          optional={!isNeeded}
          maxLength={lengths.ImplementInputRequest.test_evidence}
        />
        <Actions form={form} send={t("change.implement.send")} onCancel={onClose} />
      </Form>
    </Dialog>
  );
}
