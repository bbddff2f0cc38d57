import { useEffect, useRef } from "preact/hooks";
import { api, call } from "../../api/client";
import { signInDone } from "../../api/session";
import { t } from "../../i18n";
import "../../ui/dialog.css";
import { me } from "../../state/me";
import { SignInForm } from "./form";

/** The sign-in over the page whose session has ended: nothing below is lost. Somebody else begins anew. */
export default function SignInAgain() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => {
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);

  async function done() {
    const before = me.value;
    me.value = null; // So that another 401 is an answer, not a second dialog.
    const now = await call(api.GET("/api/v1/me")).catch(() => null);
    if (now?.user.id !== before?.user.id) {
      location.assign("/");
      return;
    }
    me.value = now;
    signInDone();
  }

  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="sign-in-again" onCancel={(event) => event.preventDefault()}>
      <div class="dialog-body sign-in-again">
        <div>
          <h2 id="sign-in-again">
            {t("signIn.again")}
          </h2>
          <p class="muted small">{t("signIn.again.why")}</p>
        </div>
        <SignInForm email={me.peek()?.user.email ?? ""} onDone={done} />
      </div>
    </dialog>
  );
}
