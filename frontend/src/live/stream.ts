import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { api, call, Problem } from "../api/client";
import { correct, isStale, serverNow } from "./clock";
import { thresholds } from "../thresholds";
import { Connection, longestSilence, type StreamEvent } from "./connection";
import { apart } from "./waits";

/**
 * Live changes. One tab of the browser holds the stream (a lock says which) and passes on what it hears; a tab that
 * somebody looks at and that hears nothing takes the lock over.
 */

/** Something changed: one line of the journal, as far as this reader may know. */
export interface Change {
  seq: number;
  at: string;
  project: string;
  /** "incident", "change" and others. */
  kind: string;
  id: string;
  number: number | null;
  verb: string;
  /** Who did it, null for the system. */
  by: number | null;
}

type Message = { name: StreamEvent; data: Record<string, unknown> };
type Listener = { project: string; change?: (change: Change) => void; reload?: () => void };

const NAME = "hypercare.live";

const listeners = new Set<Listener>();
let beatSeconds = thresholds.stream.BEAT_SECONDS;
let silence: ReturnType<typeof setTimeout> | undefined;
let isStarted = false;
let hasHello = false;
let channel: BroadcastChannel | null = null;
let isLeader = false;

/** Whether the stream has said anything yet, to this tab or to the one that holds it. */
export const isHeard = signal(false);
/** When the server was last heard, ms; null before the first time. */
export const lastHeard = signal<number | null>(null);

const connection = new Connection({
  ticket: async () => (await call(api.POST("/api/v1/events/ticket"))).url,
  open: (url) => new EventSource(url),
  hear: (name, data) => {
    take({ name, data });
    channel?.postMessage({ name, data } satisfies Message);
  },
  isHopeless: (error) => error instanceof Problem && (error.status === 401 || error.status === 403),
});

/** Hear of what changes in a project (its id). Answers how to stop. */
export function onChange(project: string, fn: (change: Change) => void): () => void {
  return listen({ project, change: fn });
}

/** Hear that changes may have been missed, and all must be loaded anew. Answers how to stop. */
export function onReload(project: string, fn: () => void): () => void {
  return listen({ project, reload: fn });
}

/**
 * Call `load` again when something that `concerns` the view changed, or changes may have been missed. Many changes at
 * once call it once, a moment later and not in every browser at the same time. Does not call it at the beginning.
 */
export function useLive(project: string | undefined, load: () => void, concerns?: (change: Change) => boolean): void {
  useEffect(() => {
    if (!project) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const soon = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        load();
      }, apart(thresholds.page.GATHER_MS));
    };
    const stops = [
      onChange(project, (change) => {
        if (!concerns || concerns(change)) soon();
      }),
      onReload(project, soon),
    ];
    return () => {
      clearTimeout(timer);
      for (const stop of stops) stop();
    };
  }, [project, load, concerns]);
}

/** Begin to listen; called once somebody is signed in. A second call does nothing. */
export function startStream(): void {
  if (isStarted) return;
  isStarted = true;
  channel = new BroadcastChannel(NAME);
  channel.onmessage = (event: MessageEvent<Message>) => take(event.data);
  watch();
  lead(false);
  addEventListener("online", wake);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) wake();
  });
}

/** Try at once, and in this tab. */
export function wake(): void {
  connection.wake();
  if (isStale.value && !isLeader && !document.hidden) lead(true);
}

/** Hold the stream when it is this tab's turn; `steal`: now. The tab that had it stops. */
function lead(steal: boolean): void {
  if (!navigator.locks) {
    connection.start();
    return;
  }
  navigator.locks
    .request(NAME, { steal }, () => {
      isLeader = true;
      connection.start();
      return new Promise<never>(() => {});
    })
    .catch(() => {
      // Another tab took it over: wait for the next turn.
      isLeader = false;
      connection.stop();
      lead(false);
    });
}

function take({ name, data }: Message): void {
  isHeard.value = true;
  const wasStale = isStale.value;
  if (name === "hello" && typeof data.beat_seconds === "number") beatSeconds = data.beat_seconds;
  if (typeof data.at === "string" && name !== "change") correct(data.at);
  if (name === "change") {
    const change = data as unknown as Change;
    for (const listener of [...listeners]) if (listener.project === change.project) listener.change?.(change);
  }
  watch();
  if (name === "reset" || wasStale || (name === "hello" && !hasHello)) {
    for (const listener of [...listeners]) listener.reload?.();
  }
  if (name === "hello") hasHello = true;
  // For the day when this tab holds the stream. The first hello says where it begins, a later one only how far it got.
  if (name === "hello") connection.last ??= Number(data.seq);
  else if (typeof data.seq === "number") connection.last = Math.max(connection.last ?? 0, data.seq);
}

/** The server lives: stale again when it is silent for too long. */
function watch(): void {
  isStale.value = false;
  lastHeard.value = serverNow.peek();
  clearTimeout(silence);
  silence = setTimeout(() => {
    isStale.value = true;
    wake();
  }, longestSilence(beatSeconds));
}

function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}
