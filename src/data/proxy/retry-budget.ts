// How many failed tries may be repeated at another backend: a share of the traffic of the last ten
// seconds, so that a failing pool is not hit by a multiple of it. Owned by one worker; time is
// passed in. A connection that turned out to be closed before the request left is no failed try and
// does not count.

const WINDOW_SECONDS = 10;
const SHARE = 0.2;
/** Repeats that are always allowed within a window, or a quiet gateway could never repeat. */
const MINIMUM = 3;
const SECOND = 1e9;

export class RetryBudget {
  // A cell for each second of the window; `#current` is the second that `#cell` stands for.
  readonly #requests = new Float64Array(WINDOW_SECONDS);
  readonly #retries = new Float64Array(WINDOW_SECONDS);
  #requestsInWindow = 0;
  #retriesInWindow = 0;
  #current = 0;

  /** A request goes to its first backend. `now` in ns of the process's clock, as below. */
  request(now: number): void {
    const cell = this.#advance(now);
    this.#requests[cell]!++;
    this.#requestsInWindow++;
  }

  /** True: one failed try may be repeated, and is counted. */
  retry(now: number): boolean {
    const cell = this.#advance(now);
    const allowed = Math.max(MINIMUM, Math.floor(this.#requestsInWindow * SHARE));
    if (this.#retriesInWindow >= allowed) return false;
    this.#retries[cell]!++;
    this.#retriesInWindow++;
    return true;
  }

  /** Forgets the seconds that have left the window; the cell of this one. */
  #advance(now: number): number {
    const second = Math.floor(now / SECOND);
    const passed = Math.min(second - this.#current, WINDOW_SECONDS);
    for (let step = 1; step <= passed; step++) {
      const cell = (this.#current + step) % WINDOW_SECONDS;
      this.#requestsInWindow -= this.#requests[cell]!;
      this.#retriesInWindow -= this.#retries[cell]!;
      this.#requests[cell] = 0;
      this.#retries[cell] = 0;
    }
    if (passed > 0) this.#current = second;
    return this.#current % WINDOW_SECONDS;
  }
}
