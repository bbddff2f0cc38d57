import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../../api/client";
import { t } from "../../i18n";
import { me, project } from "../../state/me";
import { dropDraft, keepDraft, readDraft } from "../../ui/drafts";
import { Form, useForm } from "../../ui/form";
import { usePage } from "../../ui/page";
import { NoPermission } from "../../ui/states";
import { toast } from "../../ui/toast";
import { editChange, readStory, type Change, type Line } from "./api";
import { changedFrom, differences } from "./compare";
import { bodyOf, ChangeFields, check, writtenOf, type Written } from "./fields";
import { ClashPanel } from "./clash";
import { didOf } from "./story";
import { validVotes } from "./votes";

interface Shown {
  change: Change;
  /** The newest line of its story: who changed it meanwhile. */
  newest: Line | null;
  onSaved: (change: Change) => void;
  onCancel: () => void;
}

const NOBODY: ReadonlyMap<number, string> = new Map();

/** Edit a change request. Only what differs from what was read is sent; what others changed meanwhile stays theirs. */
export function EditChange({ change, newest, onSaved, onCancel }: Shown) {
  const key = change.cr_number;
  const place = { project: project.value!.id, change: change.id };
  const draft = `change:${change.id}`;
  const baseDraft = `${draft}:base`;
  // What the writer has seen: what an edit is compared with, until they have seen something newer.
  const [base, setBase] = useState<Change>(() => (readDraft<Written>(draft) && readDraft<Change>(baseDraft)) || change);
  const [clash, setClash] = useState<{ theirs: Change; line: Line | null } | null>(null);
  const over = useRef<Change | null>(null);
  const start = writtenOf(base);
  useEffect(() => {
    keepDraft(baseDraft, base);
    return () => {
      if (readDraft(draft) === null) dropDraft(baseDraft);
    };
  }, [base]);

  usePage(t("change.form.edit", { key }));

  const form = useForm<Written>(start, {
    draft,
    check: (values) => check(values, base.status !== "draft"),
    async send(values) {
      const on = over.current ?? base;
      const mine = changedFrom(writtenOf(base), values);
      const saved = mine.length ? await editChange(place, bodyOf(values, mine), on.version) : on;
      toast(t("change.done.edit"));
      onSaved(saved);
    },
    onConflict(problem) {
      void clashed(problem);
      return true;
    },
  });

  async function clashed(problem: Problem): Promise<void> {
    const story = await readStory(place, 1).catch(() => null);
    const theirs = (problem.body.current as Change | undefined) ?? change;
    setClash({ theirs, line: story?.lines[0] ?? null });
  }

  function again(): void {
    over.current = clash!.theirs;
    setClash(null);
    void form.submit();
  }

  function discard(): void {
    const theirs = clash!.theirs;
    setClash(null);
    over.current = null;
    setBase(theirs);
    form.reset(writtenOf(theirs));
    onCancel();
  }

  const isOver = !change.allowed_actions.includes("edit");
  if (isOver && !clash && readDraft(draft) === null) {
    return (
      <div class="change-form">
        <h1 tabIndex={-1}>{t("change.form.edit", { key })}</h1>
        <NoPermission why={t("change.form.cannotEdit", { key, status: t(`changes.status.${change.status}`) })} />
        <button type="button" class="btn" onClick={onCancel}>
          {t("change.form.toChange", { key })}
        </button>
      </div>
    );
  }
  const meanwhile = change.version > base.version && newest?.by.user_id !== me.value?.user.id ? newest : null;
  const hasVotes = validVotes(change).length > 0;
  return (
    <div class="change-form">
      <h1 tabIndex={-1}>{t("change.form.edit", { key })}</h1>
      {(change.status === "approved" || (change.status === "pending_approval" && hasVotes)) && (
        <p class="cr-notice">{t(change.status === "approved" ? "change.form.voidsApproved" : "change.form.voids")}</p>
      )}
      {meanwhile && !clash && (
        <p class="cr-notice" role="status">
          {t("change.form.changedMeanwhile", { name: didOf(meanwhile, NOBODY).who || t("change.system") })}
        </p>
      )}
      {clash && (
        <ClashPanel
          line={clash.line}
          names={NOBODY}
          differences={differences(start, form.values, writtenOf(clash.theirs))}
          onAgain={clash.theirs.allowed_actions.includes("edit") ? again : undefined}
          onDiscard={discard}
        />
      )}
      <Form form={form} label={t("change.form.edit", { key })}>
        <ChangeFields form={form} hasEvidence />
        <p class="form-failure" role="alert" hidden={!form.failure}>
          {form.failure}
        </p>
        <div class="form-actions cr-sticky">
          <small class="muted cr-kept">{t("change.form.kept")}</small>
          <button
            type="button"
            class="btn"
            onClick={() => {
              form.reset();
              onCancel();
            }}
          >
            {t("change.form.cancel")}
          </button>
          <button type="submit" class="btn primary" aria-disabled={form.isBusy}>
            {t("change.form.saveEdit")}
          </button>
        </div>
      </Form>
    </div>
  );
}
