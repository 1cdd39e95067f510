// Who writes a line of the log about what may happen any number of times a second: the first time at
// once, then once in ten seconds at most, all workers together. One SharedArrayBuffer with a row for
// each kind of event; any worker counts there and takes a turn by compare-and-swap.
// Always holds: of those that happen while a line is due, exactly one gets the turn.
// A row: the second of the process's clock from which on a line is due, 0 at first; how often it
// happened since the last one; int32.

import { MAX_BACKENDS } from "./backend-url.ts";
import type { Clock } from "./clock.ts";

const EVERY_SECONDS = 10;
const SECOND = 1e9;
/** As many as there may be backends; nothing else has more. */
const KINDS = MAX_BACKENDS;

const COUNT = 1;
const ROW = 2;

export interface LineTurnsMemory {
  readonly buffer: SharedArrayBuffer;
}

export class LineTurns {
  readonly #rows: Int32Array;
  readonly #clock: Clock;

  static reserve(): LineTurnsMemory {
    return { buffer: new SharedArrayBuffer(KINDS * ROW * 4) };
  }

  constructor(memory: LineTurnsMemory, clock: Clock) {
    this.#rows = new Int32Array(memory.buffer);
    this.#clock = clock;
  }

  /**
   * It happened, and is counted. More than 0: a line is to be written now, and so often did it happen
   * since the last one, this time included. `kind`: 0 to 255.
   */
  take(kind: number): number {
    const at = kind * ROW;
    const now = this.#clock();
    Atomics.add(this.#rows, at + COUNT, 1);
    const due = Atomics.load(this.#rows, at);
    if (now < due * SECOND) return 0;
    const next = Math.ceil(now / SECOND) + EVERY_SECONDS;
    if (Atomics.compareExchange(this.#rows, at, due, next) !== due) return 0;
    return Atomics.exchange(this.#rows, at + COUNT, 0);
  }

  /** From here on the row is for something else: what happened before is not counted as its. */
  forget(kind: number): void {
    Atomics.store(this.#rows, kind * ROW + COUNT, 0);
    Atomics.store(this.#rows, kind * ROW, 0);
  }
}
