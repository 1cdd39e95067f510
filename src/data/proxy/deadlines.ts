// The requests that wait for a backend's headers, looked over a few times a second: who has waited
// too long is cancelled, and from the first look on a client that leaves cancels its request. A
// timer and an abort listener for each request would cost more than the rest of the gateway's
// work, and almost every request is answered before anybody looks. Owned by one worker.

import type { Clock } from "../../shared/clock.ts";
import type { Exchange } from "./exchange.ts";

/** A deadline is kept to within this many milliseconds. */
export const LOOK_EVERY_MS = 100;

export class Deadlines {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #waiting: Exchange[] = [];
  #timer: ReturnType<typeof setInterval> | null = null;

  /** `limitMs`: the longest wait. */
  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limit = limitMs * 1e6;
  }

  /** `now` in ns. */
  add(exchange: Exchange, now: number): void {
    exchange.deadline = now + this.#limit;
    exchange.waitingAt = this.#waiting.length;
    this.#waiting.push(exchange);
    // It runs on while requests keep coming: starting it for each would cost what it saves.
    this.#timer ??= setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  remove(exchange: Exchange): void {
    const at = exchange.waitingAt;
    if (at < 0) return;
    exchange.waitingAt = -1;
    const last = this.#waiting.pop()!;
    if (last === exchange) return;
    this.#waiting[at] = last;
    last.waitingAt = at;
  }

  /** The request's body moves on, so the wait starts anew. */
  progress(exchange: Exchange): void {
    exchange.deadline = this.#clock() + this.#limit;
  }

  look(): void {
    if (this.#waiting.length === 0) {
      clearInterval(this.#timer!);
      this.#timer = null;
      return;
    }
    const now = this.#clock();
    // Cancelling rejects a promise, so nothing is removed while this runs.
    for (const exchange of this.#waiting) {
      if (now >= exchange.deadline) cancel(exchange, "timeout");
      else if (!exchange.watched) watch(exchange);
    }
  }
}

/** Ends the attempt in flight; the first reason counts. */
export function cancel(exchange: Exchange, reason: NonNullable<Exchange["cancelled"]>): void {
  exchange.cancelled ??= reason;
  exchange.controller?.abort();
}

function watch(exchange: Exchange): void {
  exchange.watched = true;
  const { signal } = exchange.request;
  if (signal.aborted) return cancel(exchange, "client");
  signal.addEventListener("abort", () => cancel(exchange, "client"), { once: true });
}
