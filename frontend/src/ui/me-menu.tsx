import { api, call, Problem } from "../api/client";
import { signOut } from "../api/session";
import type { Me } from "../api/types";
import { fmt, type Language, language, speak, t } from "../i18n";
import { routes } from "../routes";
import { board, loadBoard } from "../state/board";
import { me } from "../state/me";
import { chooseTheme, type Theme, theme } from "../state/settings";
import { Avatar } from "./avatar";
import { toast } from "./toast";

const LANGUAGES: [Language, string][] = [
  ["en", "English"],
  ["tr", "Türkçe"],
];
const THEMES: Theme[] = ["auto", "light", "dark"];

/** Who is signed in; their settings of this browser, the pages of their account, and the way out. */
export function MeMenu({ me: mine, onKeys }: { me: Me; onKeys: () => void }) {
  return (
    <div class="me">
      <button type="button" class="me-button" popovertarget="me-menu">
        <Avatar name={mine.user.name} size="large" />
        <span class="vh">{t("me.menu", { name: mine.user.name })}</span>
      </button>
      <div id="me-menu" class="menu" popover="auto">
        <p class="menu-who">
          <strong>{mine.user.name}</strong>
          <span class="muted small">{mine.user.email}</span>
          {mine.grant && (
            <span class="small soon">
              {t(mine.grant.writes ? "me.grant" : "me.grant.reading", { time: fmt.time(mine.grant.expires_at) })}
            </span>
          )}
        </p>
        <Choice label={t("me.language")} options={LANGUAGES} chosen={language.value} onChoose={(wanted) => void choose(wanted)} />
        <Choice
          label={t("me.theme")}
          options={THEMES.map((each): [Theme, string] => [each, t(`me.theme.${each}`)])}
          chosen={theme.value}
          onChoose={chooseTheme}
        />
        <div class="menu-links">
          {mine.role !== "customer" && <a href="/admin/">{t("me.console")}</a>}
          <a href="/account/password/">{t("me.password")}</a>
          <a href="/account/second-factor/">{t("me.factor")}</a>
          <button type="button" popovertarget="me-menu" popovertargetaction="hide" onClick={onKeys}>
            {t("me.keys")} <kbd>?</kbd>
          </button>
          <button type="button" onClick={() => void signOut().finally(() => location.assign(routes.signIn()))}>
            {t("me.signOut")}
          </button>
        </div>
      </div>
    </div>
  );
}

/** Speak another language at once; the account keeps it, so that mails and other browsers speak it too. */
async function choose(wanted: Language): Promise<void> {
  const before = language.value;
  await speak(wanted);
  try {
    me.value = await call(api.PATCH("/api/v1/me", { body: { language: wanted } }));
    if (board.value) void loadBoard();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    await speak(before);
    toast(error.detail || error.title, "bad");
  }
}

interface ChoiceShown<T extends string> {
  label: string;
  options: [T, string][];
  chosen: T;
  onChoose: (value: T) => void;
}

function Choice<T extends string>({ label, options, chosen, onChoose }: ChoiceShown<T>) {
  return (
    <fieldset class="choice">
      <legend>{label}</legend>
      {options.map(([value, name]) => (
        <label key={value}>
          <input type="radio" name={label} checked={value === chosen} onChange={() => onChoose(value)} />
          <span>{name}</span>
        </label>
      ))}
    </fieldset>
  );
}
