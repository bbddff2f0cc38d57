import { thresholds } from "../thresholds";
import { SECOND_MS } from "../units";
import { beforeAgain } from "./waits";

/** One EventSource after the other: tickets, resuming, silence, trying again. Knows nothing of tabs. */

export interface Source {
  addEventListener(type: string, fn: (event: { data: string }) => void): void;
  onerror: ((event: never) => void) | null;
  close(): void;
}

export interface Outside {
  /** The address of a stream with a fresh ticket. Raises where there is none. */
  ticket(): Promise<string>;
  open(url: string): Source;
  /** What the stream said, in its words. */
  hear(name: StreamEvent, data: Record<string, unknown>): void;
  /** No ticket will be had, such as when nobody is signed in. */
  isHopeless(error: unknown): boolean;
}

export const STREAM_EVENTS = ["hello", "change", "beat", "reset"] as const;
export type StreamEvent = (typeof STREAM_EVENTS)[number];

/** Silent for longer than this, ms: the line is dead, whatever the browser thinks. */
export function longestSilence(beatSeconds: number): number {
  return beatSeconds * thresholds.page.SILENT_BEATS * SECOND_MS;
}

export class Connection {
  private source: Source | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private attempt = 0;
  private isOn = false;
  private isWaiting = false;
  private beatSeconds = thresholds.stream.BEAT_SECONDS;
  /** The newest line of the journal that was heard; a stream goes on after it. */
  last: number | null = null;

  constructor(private readonly outside: Outside) {}

  start(): void {
    if (this.isOn) return;
    this.isOn = true;
    void this.connect();
  }

  stop(): void {
    this.isOn = false;
    this.drop();
  }

  /** Do not wait any longer: the network is back, or somebody looks. */
  wake(): void {
    if (this.isOn && this.isWaiting) void this.connect();
  }

  private async connect(): Promise<void> {
    this.drop();
    const attempt = this.attempt;
    try {
      const url = await this.outside.ticket();
      if (attempt !== this.attempt) return;
      this.listen(this.outside.open(this.last === null ? url : withAfter(url, this.last)));
    } catch (error) {
      if (attempt !== this.attempt) return;
      if (this.outside.isHopeless(error)) this.stop();
      else this.later();
    }
  }

  private listen(source: Source): void {
    this.source = source;
    for (const name of STREAM_EVENTS) {
      source.addEventListener(name, (event) => {
        if (source === this.source) this.take(name, JSON.parse(event.data) as Record<string, unknown>);
      });
    }
    source.addEventListener("bye", () => {
      if (source === this.source) void this.connect();
    });
    source.onerror = () => {
      if (source === this.source) this.later();
    };
    this.watch();
  }

  private take(name: StreamEvent, data: Record<string, unknown>): void {
    if (name === "hello") {
      this.failures = 0;
      if (typeof data.beat_seconds === "number") this.beatSeconds = data.beat_seconds;
      this.last ??= Number(data.seq);
    }
    if (name === "change" || name === "reset") this.last = Number(data.seq);
    this.watch();
    this.outside.hear(name, data);
  }

  private watch(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.connect(), longestSilence(this.beatSeconds));
  }

  private later(): void {
    this.drop();
    this.isWaiting = true;
    this.timer = setTimeout(() => void this.connect(), beforeAgain(this.failures++));
  }

  private drop(): void {
    this.attempt++;
    this.isWaiting = false;
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}

function withAfter(url: string, seq: number): string {
  return `${url}${url.includes("?") ? "&" : "?"}after=${seq}`;
}
