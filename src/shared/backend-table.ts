// The backends as all threads see them, in one SharedArrayBuffer: which exist, which are open to
// requests, whose turn it is, what each has in flight. The main thread writes the list, the bars and
// the rotation; workers pick, count in their own row, and may bar a backend that does not connect.
// Nobody waits for anybody. This file is the face of it; the parts stand beside it.
// Always holds: a pick answers a slot that was open when it was looked at.

import { BackendCondition } from "./backend-condition.ts";
import {
  BAR,
  backendLayout,
  type BackendRow,
  backendRows,
  type BackendTableMemory,
  FIELD,
  NUMBER,
} from "./backend-memory.ts";
import { type Backend, BackendList, type BackendView } from "./backend-list.ts";
import { BackendPicker } from "./backend-picker.ts";
import { BackendPlaces } from "./backend-places.ts";
import { BackendRecords, type HealthCheck } from "./backend-record.ts";
import type { BalancerName } from "./balancing/balancer.ts";
import { Rotation } from "./rotation.ts";
import { buildSchedule } from "./schedule.ts";

export type { Backend, BackendView } from "./backend-list.ts";
export type { BackendTableMemory } from "./backend-memory.ts";
export { NONE_OPEN, SATURATED } from "./backend-picker.ts";
export type { HealthCheck } from "./backend-record.ts";

/** How a try to forward a request failed at the backend. `unconnected`: nothing was sent. */
export type BackendFailure = "unconnected" | "reset" | "malformed" | "timeout";

export interface BackendTableOptions {
  readonly workers: number;
  /** Failures in a row that make a healthy backend unhealthy, at least 1. */
  readonly fall: number;
  /** Failures in a row, of any kind, that speak for ejecting; 0, the default: never. */
  readonly ejectAfter?: number;
  /** Default `round_robin`. */
  readonly balancer?: BalancerName;
  readonly maxBackends?: number;
}

const DEFAULT_MAX_BACKENDS = 256;
const NONE: readonly number[] = [];

export class BackendTable {
  readonly #header: Int32Array;
  readonly #own: BackendRow | undefined;
  readonly #records: BackendRecords;
  readonly #list: BackendList;
  readonly #condition: BackendCondition;
  readonly #picker: BackendPicker;
  readonly #places: BackendPlaces;
  readonly #rotation: Rotation;

  static reserve(options: BackendTableOptions): BackendTableMemory {
    const { workers, fall, maxBackends = DEFAULT_MAX_BACKENDS } = options;
    const { ejectAfter = 0, balancer = "round_robin" } = options;
    const { total } = backendLayout(workers, maxBackends);
    const buffer = new SharedArrayBuffer(total);
    return { buffer, workers, maxBackends, fall, ejectAfter, balancer };
  }

  /** `worker`: this thread's row, 0 to `workers` - 1. The main thread has none. */
  constructor(memory: BackendTableMemory, worker?: number) {
    const { header } = backendLayout(memory.workers, memory.maxBackends);
    this.#header = new Int32Array(memory.buffer, header, 1);
    this.#own = worker === undefined ? undefined : backendRows(memory)[worker];
    this.#places = new BackendPlaces(memory, worker);
    this.#records = new BackendRecords(memory);
    this.#list = new BackendList(memory, this.#records);
    this.#condition = new BackendCondition(memory);
    this.#picker = new BackendPicker(memory, this.#records, this.#places);
    this.#rotation = new Rotation(memory.buffer, 0);
  }

  // Any thread.

  /** Whether picks by this balancer depend on the key. */
  get usesKey(): boolean {
    return this.#picker.usesKey;
  }

  /** Whether one that is neither `slot` nor in `tried` may have a request now. */
  hasAnother(slot: number, tried: readonly number[]): boolean {
    return this.#picker.hasAnother(slot, tried);
  }

  /** What `acquire` would answer now, without taking the turn. */
  preview(key = 0): number {
    return this.#picker.preview(key);
  }

  isHealthy(slot: number): boolean {
    return !this.#condition.has(slot, BAR.unhealthy);
  }

  isEjected(slot: number): boolean {
    return this.#condition.has(slot, BAR.ejected);
  }

  /** Whether it gets requests. */
  isOpen(slot: number): boolean {
    return this.#condition.read(slot, FIELD.barred) === 0;
  }

  /** Origin without a trailing slash. */
  url(slot: number): string {
    return this.#records.url(slot);
  }

  /** Names it in paths; follows from the URL. */
  id(slot: number): string {
    return this.#records.id(slot);
  }

  /** Changes when connections made before should not be used for new requests. */
  epoch(slot: number): number {
    return this.#condition.read(slot, FIELD.epoch);
  }

  /** Backends that get requests. */
  openCount(): number {
    return this.#list.slots().filter((slot) => this.isOpen(slot)).length;
  }

  /** Every configured backend, by slot. */
  snapshot(): BackendView[] {
    return this.#list.views();
  }

  // Workers only: their own row, and the shared counts of failures.

  /**
   * The backend that is to have the next request, in the balancer's opinion, among those that are not
   * in `tried`; the request is begun there, and `end` must follow. NONE_OPEN or SATURATED when there
   * is none. `key`: who asks, see `keyOf`.
   */
  acquire(key = 0, tried: readonly number[] = NONE): number {
    const slot = this.#picker.acquire(key, tried);
    if (slot >= 0 && tried.length > 0) this.#own!.retries[slot]!++;
    return slot;
  }

  /** A request to this very backend, whatever its limit. */
  begin(slot: number): void {
    this.#places.take(slot, 0);
  }

  end(slot: number): void {
    this.#places.give(slot);
  }

  /**
   * A try failed. True when the main thread must be told: for exactly one of the failures that made
   * the backend unhealthy for all threads, and when there is reason to eject it.
   */
  failed(slot: number, failure: BackendFailure): boolean {
    this.#own!.failures[slot]!++;
    const outlier = this.#condition.outlier(slot);
    if (failure !== "unconnected") return outlier;
    return this.#condition.connectionFailed(slot) || outlier;
  }

  /**
   * A connection worked, and so did the backend, unless it says itself (502 to 504) that it does
   * not. True as for `failed`.
   */
  answered(slot: number, status = 200): boolean {
    this.#condition.connected(slot);
    if (status >= 502 && status <= 504) return this.#condition.outlier(slot);
    this.#condition.answeredWell(slot);
    return false;
  }

  /** It broke its answer off. True as for `failed`. */
  broke(slot: number): boolean {
    this.#own!.failures[slot]!++;
    return this.#condition.broke(slot);
  }

  /** Its answer is complete. */
  answeredWhole(slot: number): void {
    this.#condition.answeredWhole(slot);
  }

  // Main thread only.

  /**
   * Replaces the list. A backend whose URL stays keeps slot, health and totals; a new one starts
   * unhealthy until its first check. Throws on more than fit, a URL given twice or above 512 bytes.
   */
  setBackends(backends: readonly Backend[]): void {
    this.#list.replace(backends);
    this.#publish();
  }

  /** Sets the health of a backend; `atMs` is the wall clock. A swap a worker made is completed. */
  setHealthy(slot: number, healthy: boolean, atMs: number): void {
    for (const field of [
      FIELD.connectionFailures,
      FIELD.checkFailures,
      FIELD.outliers,
      FIELD.broken,
    ]) {
      this.#condition.write(slot, field, 0);
    }
    this.#condition.set(slot, BAR.unhealthy, !healthy);
    this.#records.writeNumber(slot, NUMBER.since, atMs);
    this.#publish();
  }

  /** Enough failures in a row to eject it, by what workers counted. */
  isOutlier(slot: number): boolean {
    return this.#condition.isOutlier(slot);
  }

  /** No requests until `readmit`; `untilMs`: when that may be, wall clock, for people. */
  eject(slot: number, untilMs: number): void {
    this.#records.writeNumber(slot, NUMBER.ejectedUntil, untilMs);
    if (this.#condition.set(slot, BAR.ejected, true)) this.#condition.add(slot, FIELD.ejections);
    this.#publish();
  }

  /** Back on trial: one failure is enough to eject it again. */
  readmit(slot: number): void {
    this.#condition.onTrial(slot);
    this.#condition.set(slot, BAR.ejected, false);
    this.#publish();
  }

  /** Whether its name leads to an address that is not allowed. True when that is new. */
  setForbidden(slot: number, forbidden: boolean): boolean {
    if (!this.#condition.set(slot, BAR.forbidden, forbidden)) return false;
    this.#publish();
    return true;
  }

  /** `percent` of its weight counts from now on, 1 to 100. */
  setShare(slot: number, percent: number): void {
    this.#condition.write(slot, FIELD.share, percent);
    this.#publish();
  }

  /** Connections made before are not used for new requests any more. */
  renewConnections(slot: number): void {
    this.#condition.add(slot, FIELD.epoch);
  }

  /** Keeps the outcome of an active check. `failuresInARow` is 0 after a success. */
  recordCheck(slot: number, check: HealthCheck, failuresInARow: number): void {
    this.#records.writeCheck(slot, check);
    this.#condition.write(slot, FIELD.checkFailures, failuresInARow);
    if (check.ok) this.#condition.connected(slot);
  }

  /** Connection failures in a row that workers have seen. */
  connectionFailures(slot: number): number {
    return this.#condition.read(slot, FIELD.connectionFailures);
  }

  /** After a worker died: what it had in flight is gone; its totals stay. */
  clearWorker(row: number): void {
    this.#places.clearWorker(row);
  }

  /** The rotation first: who sees the new version finds it in place. */
  #publish(): void {
    const slots = this.#list.slots().filter((slot) => this.isOpen(slot));
    const weights = slots.map(
      (slot) => this.#condition.read(slot, FIELD.weight) * this.#condition.read(slot, FIELD.share),
    );
    this.#rotation.publish(buildSchedule(weights).map((index) => slots[index]!));
    Atomics.add(this.#header, 0, 1);
  }
}
