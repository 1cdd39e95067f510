// The backends as all threads see them, in one SharedArrayBuffer: which exist, which are healthy,
// whose turn it is, what each has in flight. The main thread writes the list, the health and the
// rotation; workers draw from the rotation, count in their own row, and may swap healthy to
// unhealthy. Nobody waits for anybody.
// Always holds: next() answers a slot that was healthy when it was looked at.

import {
  backendLayout,
  type BackendRow,
  backendRows,
  type BackendTableMemory,
  FIELD,
  NUMBER,
  RECORD_BYTES,
} from "./backend-memory.ts";
import { type Backend, BackendList, type BackendView } from "./backend-list.ts";
import { BackendRecords, type HealthCheck, intsAt } from "./backend-record.ts";
import { Rotation } from "./rotation.ts";
import { buildSchedule } from "./schedule.ts";

export type { Backend, BackendView } from "./backend-list.ts";
export type { BackendTableMemory } from "./backend-memory.ts";
export type { HealthCheck } from "./backend-record.ts";

const DEFAULT_MAX_BACKENDS = 256;
/** Draws that may hit unhealthy members before one is looked for directly. */
const MAX_DRAWS = 16;
const NONE: readonly number[] = [];

export class BackendTable {
  readonly #memory: BackendTableMemory;
  readonly #ints: Int32Array;
  readonly #rows: BackendRow[];
  readonly #own: BackendRow | undefined;
  readonly #records: BackendRecords;
  readonly #list: BackendList;
  readonly #rotation: Rotation;

  /** `fall`: failures in a row that make a healthy backend unhealthy, at least 1. */
  static reserve(options: {
    workers: number;
    fall: number;
    maxBackends?: number;
  }): BackendTableMemory {
    const { workers, fall, maxBackends = DEFAULT_MAX_BACKENDS } = options;
    const { total } = backendLayout(workers, maxBackends);
    return { buffer: new SharedArrayBuffer(total), workers, maxBackends, fall };
  }

  /** `worker`: this thread's row, 0 to `workers` - 1. The main thread has none. */
  constructor(memory: BackendTableMemory, worker?: number) {
    const { records } = backendLayout(memory.workers, memory.maxBackends);
    this.#memory = memory;
    this.#ints = new Int32Array(memory.buffer, records, (memory.maxBackends * RECORD_BYTES) / 4);
    this.#rows = backendRows(memory);
    this.#own = worker === undefined ? undefined : this.#rows[worker];
    this.#records = new BackendRecords(memory);
    this.#list = new BackendList(memory, this.#records);
    this.#rotation = new Rotation(memory.buffer, 0);
  }

  // Any thread.

  /** The next healthy backend, in strict rotation over all threads by weight; -1 when none is. */
  next(): number {
    return this.nextExcept(NONE);
  }

  /** The next healthy backend that is not in `tried`; -1 when there is none. */
  nextExcept(tried: readonly number[]): number {
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const slot = this.#rotation.draw();
      if (slot === -1) return -1;
      if (this.isHealthy(slot) && !tried.includes(slot)) return slot;
    }
    for (let slot = 0; slot < this.#memory.maxBackends; slot++) {
      if (this.isHealthy(slot) && !tried.includes(slot)) return slot;
    }
    return -1;
  }

  isHealthy(slot: number): boolean {
    return Atomics.load(this.#ints, intsAt(slot) + FIELD.healthy) === 1;
  }

  /** Origin without a trailing slash. */
  url(slot: number): string {
    return this.#records.url(slot);
  }

  healthyCount(): number {
    let count = 0;
    for (let slot = 0; slot < this.#memory.maxBackends; slot++) {
      if (this.isHealthy(slot)) count++;
    }
    return count;
  }

  /** Every configured backend, by slot. */
  snapshot(): BackendView[] {
    return this.#list.views();
  }

  // Workers only: their own row, and the shared count of failures.

  begin(slot: number): void {
    this.#own!.inFlight[slot]!++;
    this.#own!.requests[slot]!++;
  }

  end(slot: number): void {
    this.#own!.inFlight[slot]!--;
  }

  /**
   * Counts one failed connection. True for exactly one caller: the one whose failure made the
   * backend unhealthy, for all threads at once. It must tell the main thread.
   */
  connectionFailed(slot: number): boolean {
    this.#own!.failures[slot]!++;
    const base = intsAt(slot);
    const inARow = Atomics.add(this.#ints, base + FIELD.connectionFailures, 1) + 1;
    const checks = Atomics.load(this.#ints, base + FIELD.checkFailures);
    if (inARow + checks < this.#memory.fall) return false;
    return this.#swapHealthy(slot, 0);
  }

  /** A connection worked: the failures before it no longer count. */
  answered(slot: number): void {
    const at = intsAt(slot) + FIELD.connectionFailures;
    // Loading a line that nobody writes is cheap on every core; storing to it would not be.
    if (Atomics.load(this.#ints, at) !== 0) Atomics.store(this.#ints, at, 0);
  }

  // Main thread only.

  /**
   * Replaces the list. A backend whose URL stays keeps slot, health and totals; a new one starts
   * unhealthy until its first check. Throws on more than fit, a URL given twice or above 512 bytes.
   */
  setBackends(backends: readonly Backend[]): void {
    this.#list.replace(backends);
    this.#publishRotation();
  }

  /** Sets the health of a backend; `atMs` is the wall clock. A swap a worker made is completed. */
  setHealthy(slot: number, healthy: boolean, atMs: number): void {
    const base = intsAt(slot);
    Atomics.store(this.#ints, base + FIELD.connectionFailures, 0);
    Atomics.store(this.#ints, base + FIELD.checkFailures, 0);
    this.#swapHealthy(slot, healthy ? 1 : 0);
    this.#records.writeNumber(slot, NUMBER.since, atMs);
    this.#publishRotation();
  }

  /** Keeps the outcome of an active check. `failuresInARow` is 0 after a success. */
  recordCheck(slot: number, check: HealthCheck, failuresInARow: number): void {
    this.#records.writeCheck(slot, check);
    Atomics.store(this.#ints, intsAt(slot) + FIELD.checkFailures, failuresInARow);
    if (check.ok) this.answered(slot);
  }

  /** Connection failures in a row that workers have seen. */
  connectionFailures(slot: number): number {
    return Atomics.load(this.#ints, intsAt(slot) + FIELD.connectionFailures);
  }

  /** After a worker died: what it had in flight is gone; its totals stay. */
  clearWorker(row: number): void {
    this.#rows[row]!.inFlight.fill(0);
  }

  #swapHealthy(slot: number, to: 0 | 1): boolean {
    const base = intsAt(slot);
    const from = 1 - to;
    if (Atomics.compareExchange(this.#ints, base + FIELD.healthy, from, to) !== from) return false;
    Atomics.add(this.#ints, base + FIELD.flips, 1);
    return true;
  }

  #publishRotation(): void {
    const slots = this.#list.slots().filter((slot) => this.isHealthy(slot));
    const weights = slots.map((slot) => this.#ints[intsAt(slot) + FIELD.weight]!);
    this.#rotation.publish(buildSchedule(weights).map((index) => slots[index]!));
  }
}
