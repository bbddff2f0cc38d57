import type { ComponentChildren, TargetedEvent } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import { newKey, Problem } from "../api/client";
import { t } from "../i18n";
import { dropDraft, keepDraft, readDraft } from "./drafts";
import { saidOf } from "./states";
import "./form.css";

/** What the fields of a form hold: texts, as they were typed. */
export type Values = Record<string, string>;

/** What a field gives its control. */
export interface Described {
  id: string;
  required?: boolean;
  "aria-describedby"?: string;
  "aria-invalid"?: true;
}

interface FieldShown {
  label: string;
  error?: string | undefined;
  hint?: string | undefined;
  /** Says so behind the label: fields are needed unless they say this. */
  optional?: boolean;
  children: (control: Described) => ComponentChildren;
}

/** A label, a control, what helps and what is wrong with it. */
export function Field({ label, error, hint, optional = false, children }: FieldShown) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  const control: Described = { id };
  if (!optional) control.required = true;
  if (described) control["aria-describedby"] = described;
  if (error) control["aria-invalid"] = true;
  return (
    <div class={`field${error ? " field-wrong" : ""}`}>
      <label for={id}>
        {label}
        {optional && <span class="field-optional"> {t("form.optional")}</span>}
      </label>
      {children(control)}
      {hint && (
        <p class="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}

export interface Options<T> {
  /** Does it. `key` is the Idempotency-Key: the same for the same values, so a repeat is done once. */
  send: (values: T, key: string) => Promise<void>;
  /** What is wrong before anything is sent, by field. */
  check?: (values: T) => Partial<Record<keyof T & string, string>>;
  /** The name under which what is typed is kept until it is sent. */
  draft?: string;
  /** Takes a refusal that is no fault of the values (409, 412). True when it shows it itself. */
  onConflict?: (problem: Problem) => boolean;
}

export interface FormState<T extends Values> {
  values: T;
  errors: Values;
  /** What went wrong besides the fields; empty otherwise. */
  failure: string;
  isBusy: boolean;
  set: (name: keyof T & string, value: string) => void;
  submit: (event?: Event) => Promise<void>;
  /** Back to the beginning; the draft is gone. */
  reset: (values?: T) => void;
}

/** The state of a form that keeps what was typed, names what is wrong, and is sent once. */
export function useForm<T extends Values>(start: T, options: Options<T>): FormState<T> {
  const { draft } = options;
  const [values, setValues] = useState<T>(() => ({ ...start, ...(draft ? readDraft<Partial<T>>(draft) : null) }));
  const [errors, setErrors] = useState<Values>({});
  const [failure, setFailure] = useState("");
  const [isBusy, setBusy] = useState(false);
  const busy = useRef(false);
  const sent = useRef({ values: "", key: "" });
  const live = useRef(true);
  useEffect(
    () => () => {
      live.current = false;
    },
    [],
  );

  function set(name: keyof T & string, value: string): void {
    setValues((before) => {
      const after = { ...before, [name]: value };
      if (draft) keepDraft(draft, after);
      return after;
    });
    setErrors(({ [name]: _mended, ...others }) => others);
  }

  function keyOf(given: T): string {
    const written = JSON.stringify(given);
    if (sent.current.values !== written) sent.current = { values: written, key: newKey() };
    return sent.current.key;
  }

  function refused(error: unknown): void {
    if (!(error instanceof Problem)) throw error;
    if (error.isConflict && options.onConflict?.(error)) return;
    const known: Values = {};
    const others: string[] = [];
    for (const { field, detail } of error.errors) {
      const name = field.split(/[.[]/)[0]!;
      if (name in values) known[name] = detail;
      else others.push(detail);
    }
    setErrors(known);
    if (!Object.keys(known).length || others.length) setFailure(others.join(" ") || saidOf(error).why || error.title);
  }

  async function submit(event?: Event): Promise<void> {
    event?.preventDefault();
    if (busy.current) return;
    setFailure("");
    const wrong = options.check?.(values) ?? {};
    setErrors(wrong as Values);
    if (Object.keys(wrong).length) return;
    busy.current = true;
    setBusy(true);
    try {
      await options.send(values, keyOf(values));
      sent.current = { values: "", key: "" };
      if (draft) dropDraft(draft);
    } catch (error) {
      refused(error);
    } finally {
      busy.current = false;
      if (live.current) setBusy(false);
    }
  }

  function reset(to: T = start): void {
    setValues(to);
    setErrors({});
    setFailure("");
    if (draft) dropDraft(draft);
  }

  return { values, errors, failure, isBusy, set, submit, reset };
}

interface FormShown<T extends Values> {
  form: FormState<T>;
  label?: string;
  children: ComponentChildren;
}

/** The form of `form`, which Ctrl+Enter sends too: what is wrong is said above its end, and the first wrong field gets the focus. */
export function Form<T extends Values>({ form, label, children }: FormShown<T>) {
  const element = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (Object.keys(form.errors).length) element.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  }, [Object.keys(form.errors).length > 0 && form.errors, form.isBusy]);
  return (
    <form
      ref={element}
      class="form"
      noValidate
      aria-label={label}
      onSubmit={form.submit}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void form.submit(event);
      }}
    >
      {children}
    </form>
  );
}

interface BoundShown<T extends Values> extends Omit<FieldShown, "children" | "error"> {
  form: FormState<T>;
  name: keyof T & string;
}

type Bound = Described & {
  name: string;
  value: string;
  onInput: (event: TargetedEvent<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>) => void;
};

function bound<T extends Values>(form: FormState<T>, name: keyof T & string, control: Described): Bound {
  return {
    ...control,
    name,
    value: form.values[name] ?? "",
    onInput: (event) => form.set(name, event.currentTarget.value),
  };
}

/** A one-line text of a form. `suggestions` are offered, others are taken too. */
export function TextField<T extends Values>({
  form,
  name,
  suggestions = [],
  maxLength,
  inputMode,
  ...field
}: BoundShown<T> & { suggestions?: string[]; maxLength?: number; inputMode?: "numeric" | "text" }) {
  const list = useId();
  return (
    <Field {...field} error={form.errors[name]}>
      {(control) => (
        <>
          <input
            type="text"
            autocomplete="off"
            maxLength={maxLength}
            inputMode={inputMode}
            list={suggestions.length ? list : undefined}
            {...bound(form, name, control)}
          />
          {suggestions.length > 0 && (
            <datalist id={list}>
              {suggestions.map((each) => (
                <option key={each} value={each} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  );
}

/** A long text of a form; it grows with what is typed. */
export function TextArea<T extends Values>({
  form,
  name,
  rows = 3,
  maxLength,
  ...field
}: BoundShown<T> & { rows?: number; maxLength?: number }) {
  return (
    <Field {...field} error={form.errors[name]}>
      {(control) => <textarea rows={rows} maxLength={maxLength} {...bound(form, name, control)} />}
    </Field>
  );
}

/** One of a few, as a list to choose from; `empty` is what nothing chosen is called. */
export function Choice<T extends Values>({
  form,
  name,
  options,
  empty,
  ...field
}: BoundShown<T> & { options: { value: string; label: string }[]; empty?: string }) {
  return (
    <Field {...field} error={form.errors[name]}>
      {(control) => (
        <select {...bound(form, name, control)}>
          {empty !== undefined && <option value="">{empty}</option>}
          {options.map((each) => (
            <option key={each.value} value={each.value}>
              {each.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface ActionsShown<T extends Values> {
  form: FormState<T>;
  /** What the button that sends says. */
  send: string;
  onCancel?: () => void;
  children?: ComponentChildren;
}

/** The end of a form: what went wrong, and its buttons. */
export function Actions<T extends Values>({ form, send, onCancel, children }: ActionsShown<T>) {
  return (
    <>
      <p class="form-failure" role="alert" hidden={!form.failure}>
        {form.failure}
      </p>
      <div class="form-actions">
        {children}
        {onCancel && (
          <button type="button" class="btn" onClick={onCancel}>
            {t("form.cancel")}
          </button>
        )}
        <button type="submit" class="btn primary" aria-disabled={form.isBusy} data-busy={form.isBusy || undefined}>
          {send}
        </button>
      </div>
    </>
  );
}
