import { effect } from "@preact/signals";
import { render } from "preact";
import { App } from "./app";
import { language, speak } from "./i18n";
import { startKeys } from "./keys";
import { startClock } from "./live/clock";
import { begin } from "./state/begin";
import { code } from "./state/me";
import { showTheme } from "./state/settings";
import "./theme.css";
import "./ui/frame.css";

code.value = /^\/p\/([^/]+)/.exec(location.pathname)?.[1] ?? "";
showTheme();
startClock();
startKeys();
const texts = speak(document.documentElement.lang === "tr" ? "tr" : "en");
void begin(texts);
void texts.then(() => {
  effect(() => {
    document.documentElement.lang = language.value;
  });
  render(<App />, document.getElementById("app")!);
});
