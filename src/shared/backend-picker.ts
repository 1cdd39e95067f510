// One thread's way to its backends: keeps what a balancer looks at up to date, and takes a place at
// the backend that it picks. Reads what the main thread publishes; what it writes are places
// (backend-places.ts) and the turn of the rotation.

import { type Balancer, createBalancer, type PickView } from "./balancing/balancer.ts";
import { backendLayout, type BackendTableMemory, FIELD, RECORD_BYTES } from "./backend-memory.ts";
import type { BackendPlaces } from "./backend-places.ts";
import { type BackendRecords, intsAt } from "./backend-record.ts";
import { Rotation } from "./rotation.ts";

/** No backend is open. */
export const NONE_OPEN = -1;
/** Some are open, and each has as many requests in flight as it may. */
export const SATURATED = -2;

/** Another thread may take the last place first; then the others are looked at again. */
const MAX_TRIES = 16;

export class BackendPicker implements PickView {
  readonly slots: number[] = [];
  readonly weights: number[] = [];
  readonly hashes: number[] = [];
  readonly #memory: BackendTableMemory;
  readonly #header: Int32Array;
  readonly #ints: Int32Array;
  readonly #places: BackendPlaces;
  readonly #records: BackendRecords;
  readonly #rotation: Rotation;
  readonly #balancer: Balancer;
  #version = -1;
  #tried: readonly number[] = [];

  constructor(memory: BackendTableMemory, records: BackendRecords, places: BackendPlaces) {
    const layout = backendLayout(memory.workers, memory.maxBackends);
    this.#memory = memory;
    this.#header = new Int32Array(memory.buffer, layout.header, 1);
    this.#ints = new Int32Array(
      memory.buffer,
      layout.records,
      (memory.maxBackends * RECORD_BYTES) / 4,
    );
    this.#places = places;
    this.#records = records;
    this.#rotation = new Rotation(memory.buffer, 0);
    this.#balancer = createBalancer(memory.balancer);
  }

  get usesKey(): boolean {
    return this.#balancer.usesKey;
  }

  /** Whether one that is neither `slot` nor in `tried` may have a request. Draws nothing. */
  hasAnother(slot: number, tried: readonly number[]): boolean {
    this.#lookFor(tried);
    return this.slots.some((other) => other !== slot && this.mayTake(other));
  }

  /** What the next `acquire` would answer, which stays the next: the rotation does not move. */
  preview(key: number): number {
    this.#lookFor([]);
    let skipped = 0;
    const slot = this.#balancer.pick(
      {
        slots: this.slots,
        weights: this.weights,
        hashes: this.hashes,
        mayTake: (candidate) => this.mayTake(candidate),
        inFlight: (candidate) => this.inFlight(candidate),
        draw: () => this.#rotation.upcoming(skipped++),
      },
      key,
    );
    return slot >= 0 ? slot : this.#whyNone();
  }

  /** A slot, with its place taken: one more request in flight there. Or NONE_OPEN or SATURATED. */
  acquire(key: number, tried: readonly number[]): number {
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      const slot = this.#pick(key, tried);
      if (slot < 0 || this.#places.take(slot, this.#maxOf(slot))) return slot;
    }
    return SATURATED;
  }

  mayTake(slot: number): boolean {
    const base = intsAt(slot);
    if (Atomics.load(this.#ints, base + FIELD.barred) !== 0) return false;
    if (this.#tried.length > 0 && this.#tried.includes(slot)) return false;
    const max = this.#maxOf(slot);
    return max === 0 || this.inFlight(slot) < max;
  }

  inFlight(slot: number): number {
    return this.#places.inFlight(slot);
  }

  draw(): number {
    return this.#rotation.draw();
  }

  /** As `acquire`, with no place taken. */
  #pick(key: number, tried: readonly number[]): number {
    this.#lookFor(tried);
    const slot = this.#balancer.pick(this, key);
    return slot >= 0 ? slot : this.#whyNone();
  }

  /** Lets the next questions be about a request that was at `tried`. */
  #lookFor(tried: readonly number[]): void {
    this.#tried = tried;
    if (Atomics.load(this.#header, 0) !== this.#version) this.#refresh();
  }

  #maxOf(slot: number): number {
    return this.#ints[intsAt(slot) + FIELD.maxInFlight]!;
  }

  #whyNone(): number {
    for (const slot of this.slots) {
      const open = Atomics.load(this.#ints, intsAt(slot) + FIELD.barred) === 0;
      if (open && !this.#tried.includes(slot)) return SATURATED;
    }
    return NONE_OPEN;
  }

  /** A change in the middle of it shows in the version at the next pick. */
  #refresh(): void {
    this.#version = Atomics.load(this.#header, 0);
    let count = 0;
    for (let slot = 0; slot < this.#memory.maxBackends; slot++) {
      const base = intsAt(slot);
      if (Atomics.load(this.#ints, base + FIELD.configured) === 0) continue;
      if (Atomics.load(this.#ints, base + FIELD.barred) !== 0) continue;
      this.slots[count] = slot;
      this.weights[count] = this.#ints[base + FIELD.weight]! * this.#ints[base + FIELD.share]!;
      this.hashes[count] = Bun.hash.xxHash32(this.#records.url(slot));
      count++;
    }
    this.slots.length = this.weights.length = this.hashes.length = count;
  }
}
