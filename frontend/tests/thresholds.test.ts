import { expect, it, vi } from "vitest";
import { apart, beforeAgain } from "../src/live/waits";
import { read, thresholds } from "../src/thresholds";
import { NUMBERS } from "./numbers";

it("goes by what the document says", () => {
  expect(thresholds).toEqual(NUMBERS);
  expect(read(JSON.stringify({ ...NUMBERS, stream: { BEAT_SECONDS: 1 } })).stream.BEAT_SECONDS).toBe(1);
});

it.each(["", "{", "null", "7", "[]", "{}"])("takes no document for one: %s", (text) => {
  expect(() => read(text)).toThrow("page.TOAST_SECONDS");
});

it.each([0, -1, null, "6", undefined])("names a number that is none: %s", (value) => {
  const broken = { ...NUMBERS, page: { ...NUMBERS.page, TYPING_MS: value } };
  expect(() => read(JSON.stringify(broken))).toThrow(/: page\.TYPING_MS$/);
});

it("waits longer after each failure, not all browsers for as long", () => {
  vi.spyOn(Math, "random").mockReturnValue(1);
  expect([0, 1, 2, 3, 4, 50].map(beforeAgain)).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000]);
  vi.mocked(Math.random).mockReturnValue(0);
  expect([beforeAgain(0), apart(400)]).toEqual([500, 200]);
  vi.restoreAllMocks();
});
