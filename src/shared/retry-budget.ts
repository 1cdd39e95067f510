// How many failed tries may be followed by one at another backend: a share of the traffic of the last
// ten seconds over all workers, so that a failing pool is not hit by a multiple of it. One
// SharedArrayBuffer with a row for each worker, which alone writes it; whoever wants to retry adds
// the rows up. Workers that ask in the same instant may each get the last retry: the budget is
// passed by less than one for each worker. A connection that turned out to be closed before the
// request left is no failed try and does not count.
// A row: for each second of the window which one it is, its requests and its retries; float64.

const WINDOW_SECONDS = 10;
const SHARE = 0.2;
/** Retries that are always allowed within a window, or a quiet gateway could never retry. */
const MINIMUM = 3;
const SECOND = 1e9;

const REQUESTS = 1;
const RETRIES = 2;
const CELL = 3;
/** Whole cache lines. */
const ROW = 32;

export interface RetryBudgetMemory {
  readonly buffer: SharedArrayBuffer;
}

export class RetryBudget {
  readonly #rows: Float64Array;
  readonly #own: number;

  static reserve({ workers }: { workers: number }): RetryBudgetMemory {
    return { buffer: new SharedArrayBuffer(workers * ROW * 8) };
  }

  /** `worker`: this thread's row. */
  constructor(memory: RetryBudgetMemory, worker: number) {
    this.#rows = new Float64Array(memory.buffer);
    this.#own = worker * ROW;
  }

  /** A request goes to its first backend. `now` in ns of the process's clock, as below. */
  request(now: number): void {
    this.#rows[this.#cell(now) + REQUESTS]!++;
  }

  /** True: one more retry fits, and is counted. */
  retry(now: number): boolean {
    const cell = this.#cell(now);
    const after = Math.floor(now / SECOND) - WINDOW_SECONDS;
    let requests = 0;
    let retries = 0;
    for (let row = 0; row < this.#rows.length; row += ROW) {
      for (let at = row; at < row + WINDOW_SECONDS * CELL; at += CELL) {
        if (this.#rows[at]! <= after) continue;
        requests += this.#rows[at + REQUESTS]!;
        retries += this.#rows[at + RETRIES]!;
      }
    }
    if (retries >= Math.max(MINIMUM, Math.floor(requests * SHARE))) return false;
    this.#rows[cell + RETRIES]!++;
    return true;
  }

  /** Where this worker counts the second of `now`; what was counted there before is forgotten. */
  #cell(now: number): number {
    const second = Math.floor(now / SECOND);
    const at = this.#own + (second % WINDOW_SECONDS) * CELL;
    if (this.#rows[at] !== second) {
      this.#rows[at + REQUESTS] = 0;
      this.#rows[at + RETRIES] = 0;
      this.#rows[at] = second;
    }
    return at;
  }
}
