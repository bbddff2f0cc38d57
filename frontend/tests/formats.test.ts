import { signal } from "@preact/signals";
import { describe, expect, it } from "vitest";
import { formats } from "../src/i18n/formats";

const language = signal<"en" | "tr">("en");
const fmt = formats(language);

describe("left", () => {
  it.each([
    [0, "0 s"],
    [45.9, "45 s"],
    [60, "1 min"],
    [572, "9 min 32 s"],
    [600, "10 min"],
    [48 * 60 + 59, "48 min"],
    [3600, "1 h"],
    [4320, "1 h 12 min"],
    [86_399, "23 h 59 min"],
    [86_400, "1 d"],
    [(2 * 24 + 19) * 3600, "2 d 19 h"],
    [-1080, "18 min"],
  ])("%d seconds is %s", (seconds, text) => {
    expect(fmt.left(seconds)).toBe(text);
  });

  it("speaks Turkish", () => {
    language.value = "tr";
    expect(fmt.left(4320)).toBe("1 sa 12 dk");
    language.value = "en";
  });
});

describe("moments", () => {
  const now = Date.parse("2026-11-21T20:30:00Z");

  it("are written in the zone", () => {
    expect(fmt.time(now, "Europe/Istanbul")).toBe("23:30");
    expect(fmt.clock("2026-11-21T11:32:08Z", "Europe/Istanbul")).toBe("14:32:08");
    expect(fmt.fully(now, "Europe/Istanbul")).toContain("20:30 UTC");
  });

  it("near ones are named by their day, as the zone counts days", () => {
    expect(fmt.near("2026-11-21T15:00:00Z", "Europe/Istanbul", now)).toBe("today 18:00");
    expect(fmt.near("2026-11-21T21:40:00Z", "Europe/Istanbul", now)).toBe("tomorrow 00:40");
    expect(fmt.near("2026-11-25T06:40:00Z", "Europe/Istanbul", now)).toBe("Wed 25 Nov 09:40");
  });

  it("tell how long ago, never in the future", () => {
    expect(fmt.ago(now - 5 * 60_000, now)).toBe("5 min ago");
    expect(fmt.ago(now + 5000, now)).toBe("now");
  });
});
