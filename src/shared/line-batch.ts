// Collects log lines of one thread and hands them on in one piece, so that a busy worker posts a
// few messages a second instead of one per request. Owned by one thread; holds a line for at most
// `delayMs`.

import type { LineWriter } from "./log.ts";

export interface LineBatchOptions {
  /** Longest time a line waits, in milliseconds. */
  readonly delayMs?: number;
  /** Handed on at once when this many UTF-16 units are waiting. */
  readonly maxLength?: number;
}

export class LineBatch implements LineWriter {
  readonly #sink: (lines: string) => void;
  readonly #delayMs: number;
  readonly #maxLength: number;
  #waiting = "";
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(sink: (lines: string) => void, options: LineBatchOptions = {}) {
    this.#sink = sink;
    this.#delayMs = options.delayMs ?? 50;
    this.#maxLength = options.maxLength ?? 32 * 1024;
  }

  write(lines: string): void {
    this.#waiting += lines;
    if (this.#waiting.length >= this.#maxLength) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), this.#delayMs);
  }

  /** Hands on what is waiting; call it before the thread ends. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const lines = this.#waiting;
    this.#waiting = "";
    if (lines !== "") this.#sink(lines);
  }
}
