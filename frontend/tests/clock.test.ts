import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { correct, resetClock, serverNow } from "../src/live/clock";

const START = Date.parse("2026-11-21T12:00:00Z");

beforeEach(() => {
  vi.useFakeTimers({ now: START });
  resetClock();
});
afterEach(() => vi.useRealTimers());

it("follows the server when the computer's clock is wrong", () => {
  correct(START + 90_000);
  expect(serverNow.value).toBe(START + 90_000);
  correct("2026-11-21T12:01:31Z");
  expect(serverNow.value).toBe(START + 91_000);
});

it("believes the message that was fastest, not the newest", () => {
  correct(START);
  vi.setSystemTime(START + 5000);
  correct(START + 4200); // 800 ms on its way
  expect(serverNow.value).toBe(START + 5000);
});

it("forgets old differences, so that a clock that was set is followed", () => {
  correct(START + 60_000);
  for (let n = 0; n < 10; n++) correct(START);
  expect(serverNow.value).toBe(START);
});

it("takes nothing that is no time", () => {
  correct("soon");
  expect(serverNow.value).toBe(START);
});
