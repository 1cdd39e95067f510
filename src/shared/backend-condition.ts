// What speaks for and against each backend: the bars that keep requests away, and the failures in a
// row that workers count. Workers add failures and may set one bar; the main thread does the rest.
// Nobody waits for anybody.
// Always holds: of all threads that set or clear a bar, exactly one learns that it did.

import {
  BAR,
  backendLayout,
  type BackendTableMemory,
  FIELD,
  RECORD_BYTES,
} from "./backend-memory.ts";
import { intsAt } from "./backend-record.ts";

export type Bar = (typeof BAR)[keyof typeof BAR];

export class BackendCondition {
  readonly #ints: Int32Array;
  readonly #fall: number;
  readonly #ejectAfter: number;

  constructor(memory: BackendTableMemory) {
    const { records } = backendLayout(memory.workers, memory.maxBackends);
    this.#ints = new Int32Array(memory.buffer, records, (memory.maxBackends * RECORD_BYTES) / 4);
    this.#fall = memory.fall;
    this.#ejectAfter = memory.ejectAfter;
  }

  read(slot: number, field: number): number {
    return Atomics.load(this.#ints, intsAt(slot) + field);
  }

  write(slot: number, field: number, value: number): void {
    Atomics.store(this.#ints, intsAt(slot) + field, value);
  }

  add(slot: number, field: number): void {
    Atomics.add(this.#ints, intsAt(slot) + field, 1);
  }

  has(slot: number, bar: Bar): boolean {
    return (this.read(slot, FIELD.barred) & bar) !== 0;
  }

  /** True when this call changed it. */
  set(slot: number, bar: Bar, on: boolean): boolean {
    const at = intsAt(slot) + FIELD.barred;
    const before = on ? Atomics.or(this.#ints, at, bar) : Atomics.and(this.#ints, at, ~bar);
    if (((before & bar) !== 0) === on) return false;
    if (bar === BAR.unhealthy) this.add(slot, FIELD.flips);
    return true;
  }

  /** Counts a failure to connect. True for the one that made the backend unhealthy. */
  connectionFailed(slot: number): boolean {
    const at = intsAt(slot) + FIELD.connectionFailures;
    const inARow = Atomics.add(this.#ints, at, 1) + 1;
    if (inARow + this.read(slot, FIELD.checkFailures) < this.#fall) return false;
    return this.set(slot, BAR.unhealthy, true);
  }

  /** Counts a try without an answer. True when the main thread should think about ejecting. */
  outlier(slot: number): boolean {
    return this.#failed(slot, FIELD.outliers);
  }

  /**
   * The same of an answer that was broken off. Counted apart: the head of each such answer speaks
   * for the backend, and would take back what its body says.
   */
  broke(slot: number): boolean {
    return this.#failed(slot, FIELD.broken);
  }

  #failed(slot: number, field: number): boolean {
    if (this.#ejectAfter === 0) return false;
    const inARow = Atomics.add(this.#ints, intsAt(slot) + field, 1) + 1;
    // Not once but each time round: it may have been refused, half of the backends being ejected.
    return inARow % this.#ejectAfter === 0 && this.read(slot, FIELD.barred) === 0;
  }

  /** Whether enough failures in a row were counted to eject it. */
  isOutlier(slot: number): boolean {
    if (this.#ejectAfter === 0) return false;
    return (
      Math.max(this.read(slot, FIELD.outliers), this.read(slot, FIELD.broken)) >= this.#ejectAfter
    );
  }

  /** One more failure will do: the next request is the trial of a backend that comes back. */
  onTrial(slot: number): void {
    const almost = Math.max(0, this.#ejectAfter - 1);
    this.write(slot, FIELD.outliers, almost);
    this.write(slot, FIELD.broken, almost);
  }

  connected(slot: number): void {
    this.#clear(slot, FIELD.connectionFailures);
  }

  answeredWell(slot: number): void {
    this.#clear(slot, FIELD.outliers);
  }

  answeredWhole(slot: number): void {
    this.#clear(slot, FIELD.broken);
  }

  /** Loading a line that nobody writes is cheap on every core; storing to it would not be. */
  #clear(slot: number, field: number): void {
    const at = intsAt(slot) + field;
    if (Atomics.load(this.#ints, at) !== 0) Atomics.store(this.#ints, at, 0);
  }
}
