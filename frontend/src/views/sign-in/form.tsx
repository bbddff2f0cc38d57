import { useEffect, useRef, useState } from "preact/hooks";
import { giveCode, type SignIn, signIn } from "../../api/session";
import { t } from "../../i18n";
import "./sign-in.css";

/** Email and password, then the code where one is asked for. `email` is filled in where it is known. */
export function SignInForm({ email: known = "", onDone }: { email?: string; onDone: () => void | Promise<void> }) {
  const [step, setStep] = useState<"password" | "code">("password");
  const [email, setEmail] = useState(known);
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [failure, setFailure] = useState("");
  const [isBusy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);

  useEffect(() => form.current?.querySelector<HTMLElement>("[data-first]")?.focus(), [step]);

  async function submit(event: Event) {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setFailure("");
    try {
      const answer = await (step === "password" ? signIn(email.trim(), password) : giveCode(code.trim()));
      if (answer.step === "done") await onDone();
      else if (answer.step === "code") setStep("code");
      else refuse(answer);
    } catch {
      setFailure(t("problem.unreachable"));
    }
    setBusy(false);
  }

  function refuse(answer: SignIn & { step: "refused" }) {
    setFailure(said(answer));
    if (answer.why === "wrong") setPassword("");
    if (answer.why === "wrong_code") setCode("");
    form.current?.querySelector<HTMLElement>(step === "code" ? "input" : "[type=password]")?.focus();
  }

  function back() {
    setStep("password");
    setPassword("");
    setCode("");
    setFailure("");
  }

  return (
    <form ref={form} class="sign-in" onSubmit={submit}>
      {step === "password" ? (
        <>
          <label>
            {t("signIn.email")}
            <input
              type="email"
              name="email"
              autocomplete="username"
              required
              data-first={known ? undefined : true}
              value={email}
              onInput={(event) => setEmail(event.currentTarget.value)}
            />
          </label>
          <label>
            {t("signIn.password")}
            <input
              type="password"
              name="password"
              autocomplete="current-password"
              required
              data-first={known ? true : undefined}
              value={password}
              onInput={(event) => setPassword(event.currentTarget.value)}
            />
          </label>
        </>
      ) : (
        <label>
          {t("signIn.code")}
          <input
            name="code"
            autocomplete="one-time-code"
            autocapitalize="off"
            spellcheck={false}
            required
            data-first
            aria-describedby="sign-in-code"
            value={code}
            onInput={(event) => setCode(event.currentTarget.value)}
          />
          <small id="sign-in-code" class="muted">
            {t("signIn.code.why")}
          </small>
        </label>
      )}
      <p role="alert" class="sign-in-failure">
        {failure}
      </p>
      <div class="sign-in-actions">
        <button class="btn primary" aria-disabled={isBusy}>
          {step === "password" ? t("signIn.submit") : t("signIn.confirm")}
        </button>
        {step === "password" ? (
          <a href="/account/password/">{t("signIn.forgot")}</a>
        ) : (
          <button type="button" class="btn ghost" onClick={back}>
            {t("signIn.back")}
          </button>
        )}
      </div>
    </form>
  );
}

function said(answer: SignIn & { step: "refused" }): string {
  switch (answer.why) {
    case "wrong":
      return t("signIn.wrong");
    case "wrong_code":
      return t("signIn.wrongCode");
    case "locked":
      return answer.minutes ? t("signIn.locked", { minutes: answer.minutes }) : t("signIn.lockedSomeTime");
    default:
      return answer.detail;
  }
}
