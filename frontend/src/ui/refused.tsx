import type { Problem } from "../api/client";
import { signOut } from "../api/session";
import { t } from "../i18n";
import { routes } from "../routes";
import { Mark } from "./mark";
import { usePage } from "./page";

/** Signed in, and yet not let in: why, and what can be done. */
export function Refused({ problem }: { problem: Problem }) {
  usePage(t("refused.title"));
  return (
    <main id="main" class="refused">
      <Mark />
      <div class="card panel">
        <h1>{t("refused.title")}</h1>
        <p>{problem.detail}</p>
        {problem.type === "mfa_required" && (
          <a class="btn primary" href="/account/second-factor/">
            {t("refused.factor")}
          </a>
        )}
        <button class="btn" onClick={() => void signOut().finally(() => location.assign(routes.signIn()))}>
          {t("refused.other")}
        </button>
      </div>
    </main>
  );
}
