// The requests in flight at each backend: the count of all workers, which limits and balancers go
// by, and each worker's own part of it, which is taken back when that worker dies.
// Always holds: a place below a limit is taken by exactly one thread, and while there is one, nobody
// is told that there is none.

import {
  backendLayout,
  type BackendRow,
  backendRows,
  type BackendTableMemory,
} from "./backend-memory.ts";

/** Words from one slot's count to the next: each has cache lines of its own. */
const STRIDE = 32;

export class BackendPlaces {
  readonly #counts: Int32Array;
  readonly #rows: BackendRow[];
  readonly #own: BackendRow | undefined;

  constructor(memory: BackendTableMemory, worker?: number) {
    const { places } = backendLayout(memory.workers, memory.maxBackends);
    this.#counts = new Int32Array(memory.buffer, places, memory.maxBackends * STRIDE);
    this.#rows = backendRows(memory);
    this.#own = worker === undefined ? undefined : this.#rows[worker];
  }

  inFlight(slot: number): number {
    return Atomics.load(this.#counts, slot * STRIDE);
  }

  /** False when `max` (0: no limit) are taken. */
  take(slot: number, max: number): boolean {
    const at = slot * STRIDE;
    if (max === 0) Atomics.add(this.#counts, at, 1);
    else {
      let count = Atomics.load(this.#counts, at);
      for (;;) {
        if (count >= max) return false;
        const found = Atomics.compareExchange(this.#counts, at, count, count + 1);
        if (found === count) break;
        count = found;
      }
    }
    this.#own!.inFlight[slot]!++;
    this.#own!.requests[slot]!++;
    return true;
  }

  give(slot: number): void {
    this.#own!.inFlight[slot]!--;
    Atomics.sub(this.#counts, slot * STRIDE, 1);
  }

  /** Gives back what a worker had that is gone. Main thread only. */
  clearWorker(worker: number): void {
    const { inFlight } = this.#rows[worker]!;
    for (const [slot, count] of inFlight.entries()) {
      if (count !== 0) Atomics.sub(this.#counts, slot * STRIDE, count);
    }
    inFlight.fill(0);
  }
}
