// The dashboard's event stream (server-sent events, WHATWG HTML §9.2). One message a second, made
// once in each worker for all its listeners, and only while it has any: what a request costs does
// not depend on who is looking. A listener that does not read is let go, so none can hold memory.

import type { HistoryTable } from "../../shared/history-table.ts";
import { problem } from "../../shared/problem.ts";
import { readState, sampleRow, type StateSources } from "./state.ts";

const INTERVAL_MS = 1000;
/** In one worker. A browser that reconnects may be counted twice for a moment. */
const MAX_LISTENERS = 100;
/** Messages that may wait for a listener: beyond it is not slow, but gone. */
const MAX_WAITING = 15;

export interface FeedSources extends StateSources {
  readonly history: HistoryTable;
}

type Listener = ReadableStreamDefaultController<Uint8Array>;

export class Feed {
  readonly #sources: FeedSources;
  readonly #listeners = new Set<Listener>();
  readonly #encoder = new TextEncoder();
  #timer: ReturnType<typeof setInterval> | null = null;
  /** Number of the next sample to tell of. */
  #next = 0;
  #closed = false;

  constructor(sources: FeedSources) {
    this.#sources = sources;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** A new stream: the history at once, then the state each second. 503 when it cannot be. */
  open(): Response {
    if (this.#closed || this.#listeners.size >= MAX_LISTENERS) {
      const detail = this.#closed ? "The gateway is draining." : "Too many dashboards are open.";
      return problem(503, { title: "Service Unavailable", detail }, { "retry-after": "5" });
    }
    let own: Listener;
    const stream = new ReadableStream<Uint8Array>({
      start: (listener) => {
        own = listener;
        this.#join(listener);
      },
      cancel: () => this.#leave(own),
    });
    return new Response(stream, {
      headers: { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" },
    });
  }

  /** Ends every stream: the page goes on with another worker, or waits for the next gateway. */
  close(): void {
    this.#closed = true;
    for (const listener of this.#listeners) this.#end(listener);
  }

  #join(listener: Listener): void {
    if (this.#timer === null) {
      this.#next = this.#sources.history.written;
      this.#timer = setInterval(() => this.tell(), INTERVAL_MS);
    }
    this.#listeners.add(listener);
    const samples = this.#sources.history.since(0).map(sampleRow);
    listener.enqueue(this.#event("history", { samples }));
    listener.enqueue(this.#event("state", readState(this.#sources, [], Date.now())));
  }

  /** What the timer does each second. */
  tell(): void {
    const samples = this.#sources.history.since(this.#next);
    this.#next = this.#sources.history.written;
    const message = this.#event("state", readState(this.#sources, samples, Date.now()));
    for (const listener of this.#listeners) {
      if ((listener.desiredSize ?? 0) < -MAX_WAITING) this.#end(listener);
      else listener.enqueue(message);
    }
  }

  #end(listener: Listener): void {
    this.#leave(listener);
    listener.close();
  }

  #leave(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #event(name: string, data: unknown): Uint8Array {
    return this.#encoder.encode(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}
