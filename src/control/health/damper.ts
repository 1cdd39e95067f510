// Keeps one flapping backend from filling the log, as a state machine: no clock, no log. The first
// changes are told one by one; from then on they are only counted, and the count is told once a
// window until one passes quietly.

/** `tell` it; tell it as the `last` one by one; `count` it only. */
export type Telling = "tell" | "last" | "count";

export interface Summary {
  /** Changes that were only counted. */
  readonly changes: number;
  readonly overMs: number;
  /** The backend has calmed down: changes are told one by one again. */
  readonly calm: boolean;
}

const WINDOW_MS = 60_000;
/** Three times away and back. */
const TOLD_IN_A_WINDOW = 6;
/** Fewer in a window mean that it is over. */
const FLAPPING = 3;

export class Damper {
  #flapping = false;
  #windowStart = 0;
  #changes = 0;

  /** A change happened. `nowMs` monotonic. */
  change(nowMs: number): Telling {
    if (this.#flapping) {
      this.#changes++;
      return "count";
    }
    if (nowMs - this.#windowStart >= WINDOW_MS) this.#begin(nowMs);
    this.#changes++;
    if (this.#changes < TOLD_IN_A_WINDOW) return "tell";
    this.#flapping = true;
    this.#begin(nowMs);
    return "last";
  }

  /** What is to be told now, at the end of a window; else null. Ask often. */
  summary(nowMs: number): Summary | null {
    const overMs = nowMs - this.#windowStart;
    if (!this.#flapping || overMs < WINDOW_MS) return null;
    const changes = this.#changes;
    this.#flapping = changes >= FLAPPING;
    this.#begin(nowMs);
    return { changes, overMs, calm: !this.#flapping };
  }

  #begin(nowMs: number): void {
    this.#windowStart = nowMs;
    this.#changes = 0;
  }
}
