// The requests that wait for `fetch` to bring a backend's headers, looked over a few times a second:
// who has waited too long is cancelled. A timer for each request would cost more than the rest of
// the gateway's work, and almost every request is answered before anybody looks. Owned by one worker.

import type { Clock } from "../../shared/clock.ts";

/** A deadline is kept to within this many milliseconds. */
export const LOOK_EVERY_MS = 100;

/** Something that waits. */
export interface Waiting {
  /** ns: when it is given up. */
  deadline: number;
  /** Place in the list; -1 when it is in none. Owned by this file. */
  waitingAt: number;
  onTimeout(): void;
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #waiting: Waiting[] = [];
  #timer: ReturnType<typeof setInterval> | null = null;

  /** `limitMs`: the longest wait. */
  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limit = limitMs * 1e6;
  }

  /** `now` in ns. */
  add(waiting: Waiting, now: number): void {
    waiting.deadline = now + this.#limit;
    waiting.waitingAt = this.#waiting.length;
    this.#waiting.push(waiting);
    // It runs on while requests keep coming: starting it for each would cost what it saves.
    this.#timer ??= setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  remove(waiting: Waiting): void {
    const at = waiting.waitingAt;
    if (at < 0) return;
    waiting.waitingAt = -1;
    const last = this.#waiting.pop()!;
    if (last === waiting) return;
    this.#waiting[at] = last;
    last.waitingAt = at;
  }

  /** The request's body moves on, so the wait starts anew. */
  progress(waiting: Waiting): void {
    waiting.deadline = this.#clock() + this.#limit;
  }

  look(): void {
    if (this.#waiting.length === 0) {
      clearInterval(this.#timer!);
      this.#timer = null;
      return;
    }
    const now = this.#clock();
    // Giving up rejects a promise, so nothing is removed while this runs.
    for (const waiting of this.#waiting) if (now >= waiting.deadline) waiting.onTimeout();
  }
}
