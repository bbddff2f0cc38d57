import { describe, expect, it } from "vitest";
import { plural, speak, t, word } from "../src/i18n";
import en from "../src/i18n/en";
import tr from "../src/i18n/tr";

const NAMES = /\{(\w+)\}/g;
const names = (text: string) => [...new Set([...text.matchAll(NAMES)].map((match) => match[1]))].sort();

describe("both languages", () => {
  it("fill the same names into each text", () => {
    const turkish: Record<string, string> = tr;
    const wrong = Object.entries(en).filter(([key, text]) => names(text).join() !== names(turkish[key] ?? "").join());
    expect(wrong.map(([key]) => key)).toEqual([]);
  });

  it("leave no text empty", () => {
    expect(Object.entries({ ...en }).filter(([, text]) => !text.trim())).toEqual([]);
    expect(Object.entries({ ...tr }).filter(([, text]) => !text.trim())).toEqual([]);
  });

  it("each key is defined once", async () => {
    const parts = await Promise.all(
      ["changes", "common", "customer", "incident", "incidents", "warroom"].map(
        (name) => import(`../src/i18n/en/${name}.ts`) as Promise<Record<string, object>>,
      ),
    );
    const all = parts.flatMap((part) => Object.values(part).flatMap((texts) => Object.keys(texts)));
    expect(all.filter((key, at) => all.indexOf(key) !== at)).toEqual([]);
  });
});

describe("texts", () => {
  it("are filled in and counted, in the language that is spoken", async () => {
    await speak("en");
    expect(t("find.none", { words: "IBAN" })).toBe("Nothing has “IBAN” in it.");
    expect(plural("top.goLive.after", 1)).toBe("Go-live +1 day");
    expect(plural("top.goLive.after", 12)).toBe("Go-live +12 days");
    await speak("tr");
    expect(plural("top.goLive.after", 12)).toBe("Go-live +12 gün");
    expect(word("light", "mauve")).toBe("mauve");
  });
});
