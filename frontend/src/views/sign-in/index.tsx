import { t } from "../../i18n";
import { Mark } from "../../ui/mark";
import { usePage } from "../../ui/page";
import { SignInForm } from "./form";

/** The page to sign in. */
export default function SignInPage({ onDone }: { onDone: () => Promise<void> }) {
  usePage(t("signIn.title"));
  return (
    <main id="main" class="sign-in-page">
      <Mark />
      <div class="card">
        <h1>{t("signIn.title")}</h1>
        <SignInForm onDone={onDone} />
      </div>
    </main>
  );
}
