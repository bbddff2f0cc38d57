import { signal } from "@preact/signals";
import type en from "./en";
import { formats } from "./formats";

export type Language = "en" | "tr";
type Catalogue = typeof en;
export type Key = keyof Catalogue;
type Names<S> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type Params<S> = [Names<S>] extends [never] ? [] : [params: Record<Names<S>, string | number>];
/** Keys that exist as `<key>.one` and `<key>.other`. */
export type PluralKey = Key extends infer K ? (K extends `${infer Base}.other` ? Base : never) : never;

const LOADERS = { en: () => import("./en"), tr: () => import("./tr") };

let texts: Record<string, string> = {};
let rules = new Intl.PluralRules("en");

/** The language in use. Reading a text in a component reads this, so a switch shows at once. */
export const language = signal<Language>("en");
export const fmt = formats(language);

/** Load a language and switch to it. */
export async function speak(wanted: Language): Promise<void> {
  texts = (await LOADERS[wanted]()).default;
  rules = new Intl.PluralRules(wanted);
  language.value = wanted;
}

/** The text of a key, with its parameters: `t("incident.title", {key: "INC-5"})`. */
export function t<K extends Key>(key: K, ...params: Params<Catalogue[K]>): string {
  return filled(key, params[0]);
}

/** The text of `<key>.one` or `<key>.other` for a count, which is `{n}` in it. */
export function plural(key: PluralKey, n: number, params: Record<string, string | number> = {}): string {
  const form = rules.select(n) === "one" ? "one" : "other";
  return filled(`${key}.${form}`, { n: fmt.number(n), ...params });
}

/** The text of a key that is put together at run time, such as a status; the key itself where there is none. */
export function word(group: string, value: string): string {
  return filled(`${group}.${value}`, undefined, value);
}

function filled(key: string, params: Record<string, string | number> | undefined, fallback = key): string {
  void language.value;
  const text = texts[key] ?? fallback;
  return params ? text.replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole)) : text;
}
