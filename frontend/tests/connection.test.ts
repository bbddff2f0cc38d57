import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Connection, type Outside, type Source } from "../src/live/connection";

class FakeSource implements Source {
  onerror: ((event: never) => void) | null = null;
  isClosed = false;
  private readonly heard = new Map<string, (event: { data: string }) => void>();

  constructor(readonly url: string) {}

  addEventListener(type: string, fn: (event: { data: string }) => void): void {
    this.heard.set(type, fn);
  }

  close(): void {
    this.isClosed = true;
  }

  say(type: string, data: object = {}): void {
    this.heard.get(type)?.({ data: JSON.stringify(data) });
  }

  fail(): void {
    this.onerror?.({} as never);
  }
}

class Refused extends Error {}

let sources: FakeSource[];
let heard: string[];
let ticket: () => Promise<string>;
let connection: Connection;

const newest = () => sources.at(-1)!;
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  sources = [];
  heard = [];
  let tickets = 0;
  ticket = () => Promise.resolve(`/events?ticket=${++tickets}`);
  const outside: Outside = {
    ticket: () => ticket(),
    open: (url) => {
      const source = new FakeSource(url);
      sources.push(source);
      return source;
    },
    hear: (name) => heard.push(name),
    isHopeless: (error) => error instanceof Refused,
  };
  connection = new Connection(outside);
});
afterEach(() => {
  connection.stop();
  vi.useRealTimers();
});

it("opens with a ticket and passes on what it hears", async () => {
  connection.start();
  await settle();
  expect(newest().url).toBe("/events?ticket=1");
  newest().say("hello", { seq: 40, beat_seconds: 5 });
  newest().say("change", { seq: 41 });
  newest().say("beat");
  expect(heard).toEqual(["hello", "change", "beat"]);
});

it("goes on after the last line with a new ticket when the stream says good-bye", async () => {
  connection.start();
  await settle();
  newest().say("hello", { seq: 40, beat_seconds: 5 });
  newest().say("change", { seq: 43 });
  newest().say("bye");
  await settle();
  expect(sources[0]!.isClosed).toBe(true);
  expect(newest().url).toBe("/events?ticket=2&after=43");
});

it("does not skip what a second hello has not told yet", async () => {
  connection.start();
  await settle();
  newest().say("hello", { seq: 40, beat_seconds: 5 });
  newest().say("bye");
  await settle();
  newest().say("hello", { seq: 60, beat_seconds: 5 });
  newest().say("bye");
  await settle();
  expect(newest().url).toContain("after=40");
});

it("takes a silent line for dead after two and a half beats", async () => {
  connection.start();
  await settle();
  newest().say("hello", { seq: 1, beat_seconds: 4 });
  await vi.advanceTimersByTimeAsync(9_900);
  expect(sources).toHaveLength(1);
  newest().say("beat");
  await vi.advanceTimersByTimeAsync(9_900);
  expect(sources).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(sources).toHaveLength(2);
});

it("waits longer after each failure, and a quarter of a minute at most", async () => {
  connection.start();
  await settle();
  const waits: number[] = [];
  for (let n = 0; n < 8; n++) {
    newest().fail();
    const since = Date.now();
    const count = sources.length;
    while (sources.length === count) await vi.advanceTimersByTimeAsync(100);
    waits.push(Date.now() - since);
  }
  expect(waits[0]).toBeLessThanOrEqual(1100);
  expect(waits[3]).toBeGreaterThan(waits[0]!);
  expect(Math.max(...waits)).toBeLessThanOrEqual(15_100);
});

it("does not wait when it is woken, and is woken only from waiting", async () => {
  connection.start();
  await settle();
  connection.wake();
  await settle();
  expect(sources).toHaveLength(1);
  newest().fail();
  connection.wake();
  await settle();
  expect(sources).toHaveLength(2);
});

it("tries again when no ticket comes, and not when there will be none", async () => {
  const good = ticket;
  ticket = () => Promise.reject(new Error("away"));
  connection.start();
  await settle();
  ticket = good;
  await vi.advanceTimersByTimeAsync(1100);
  expect(sources).toHaveLength(1);

  ticket = () => Promise.reject(new Refused());
  newest().fail();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sources).toHaveLength(1);
});

it("hears nothing of a stream that it has left", async () => {
  connection.start();
  await settle();
  const old = newest();
  old.say("bye");
  await settle();
  old.say("change", { seq: 9 });
  expect(heard).toEqual([]);
  connection.stop();
  newest().say("beat");
  expect(heard).toEqual([]);
});
