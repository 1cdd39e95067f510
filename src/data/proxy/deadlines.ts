// The requests that `fetch` carries, looked over a few times a second: where a backend takes too long
// for its headers, or for the next piece of its answer, the request is cancelled. A timer for each
// would cost more than the rest of the gateway's work, and almost every request is over before anybody
// looks. Owned by one worker.

import type { Clock } from "../../shared/clock.ts";
import { STOOD_STILL_MS } from "../http1/deadlines.ts";

/** A deadline is kept to within this many milliseconds. */
export const LOOK_EVERY_MS = 100;
/** ns between two looks after which the worker itself has stood still. */
const STOOD_STILL = STOOD_STILL_MS * 1e6;

/** What the client is waited for to do: to send more of its body; to take more of the answer. */
export const UPLOADS = 1;
export const READS = 2;

/** Something that waits. */
export interface Waiting {
  /** ns: how long its backend may take. */
  limit: number;
  /** ns: when it is given up; Infinity while its backend is not what is waited for. */
  deadline: number;
  /** UPLOADS, READS, or their sum: it is the client that is waited for. Owned by this file. */
  held: number;
  /** Place in the list; -1 when it is in none. Owned by this file. */
  waitingAt: number;
  onTimeout(): void;
}

export class Deadlines {
  readonly #clock: Clock;
  /** ns: at the last look or the last request; good to `LOOK_EVERY_MS` while anything waits. */
  #now = 0;
  /** ns: the last look, or the beginning of the looks. */
  #looked = 0;
  readonly #waiting: Waiting[] = [];
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `now` in ns. */
  add(waiting: Waiting, now: number): void {
    this.#now = now;
    waiting.deadline = now + waiting.limit;
    waiting.waitingAt = this.#waiting.length;
    this.#waiting.push(waiting);
    // It runs on while requests keep coming: starting it for each would cost what it saves.
    if (this.#timer !== null) return;
    this.#looked = now;
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
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

  /** The wait starts anew, where its backend is what is waited for. */
  renew(waiting: Waiting): void {
    if (waiting.held === 0) waiting.deadline = this.#now + waiting.limit;
  }

  /** Its client is waited for to do that, and not its backend. */
  hold(waiting: Waiting, what: number): void {
    waiting.held |= what;
    waiting.deadline = Infinity;
  }

  /** Its client has done that. */
  release(waiting: Waiting, what: number): void {
    waiting.held &= ~what;
    this.renew(waiting);
  }

  look(): void {
    if (this.#waiting.length === 0) {
      clearInterval(this.#timer!);
      this.#timer = null;
      return;
    }
    const now = this.#clock();
    this.#now = now;
    const passed = now - this.#looked;
    this.#looked = now;
    // Nobody could be heard meanwhile: what arrived is still to be read, and none was late.
    if (passed > STOOD_STILL) for (const waiting of this.#waiting) waiting.deadline += passed;
    // Giving up rejects a promise, so nothing is removed while this runs.
    for (const waiting of this.#waiting) if (now >= waiting.deadline) waiting.onTimeout();
  }
}
