import { t } from "../i18n";

/** The product's sign and name. */
export function Mark() {
  return (
    <span class="mark">
      <svg width="22" height="22" viewBox="0 0 22 22" fill="none" aria-hidden="true">
        <rect width="22" height="22" rx="6" fill="var(--accent)" />
        <path
          d="M5 13.5h3l2-7 3 10 1.8-5H17"
          stroke="var(--on-accent)"
          stroke-width="1.8"
          stroke-linecap="round"
          stroke-linejoin="round"
        />
      </svg>
      <span class="mark-name">{t("app.name")}</span>
    </span>
  );
}
