// Registered clients in shared memory, the face of three parts: buckets (bucket-*.ts), ids
// (client-ids.ts) and the index over them (client-index.ts). Any thread finds, takes and peeks; one
// instance, on the main thread, is the writer. A client that was added is found by every thread and
// one that was removed is GONE in every thread as soon as the writer's call returns.

import { HEADER_BYTES, HIGH_WATER, GIVEN_UP, SIZE, SLOT_BYTES } from "./bucket-layout.ts";
import { BucketSlots } from "./bucket-slots.ts";
import { BucketTable, type ClientUsage } from "./bucket-table.ts";
import { BucketWriter, type ClientLimit } from "./bucket-writer.ts";
import { ClientIds, MAX_IDS } from "./client-ids.ts";
import { ClientIndex } from "./client-index.ts";
import { STORED_CLIENT_ID } from "./clients.ts";
import { DirtySet } from "./dirty-set.ts";
import { ADMITTED, type Take, type TakeOutcome } from "./gcra.ts";
import { growable, growTo } from "./growable.ts";
import { Quarantine } from "./quarantine.ts";

/** Plain data, postable to any worker. */
export interface ClientTableMemory {
  readonly maxClients: number;
  readonly header: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
  readonly dirty: SharedArrayBuffer;
  readonly ids: SharedArrayBuffer;
  readonly index: SharedArrayBuffer;
}

export class ClientTable {
  readonly #maxClients: number;
  readonly #slots: SharedArrayBuffer;
  readonly #header: Int32Array;
  readonly #buckets: BucketTable;
  readonly #writer: BucketWriter;
  readonly #dirty: DirtySet;
  readonly #ids: ClientIds;
  readonly #index: ClientIndex;
  readonly #quarantine = new Quarantine();

  /**
   * Reserves address space for `maxClients` (1 to 4,194,304, the default), 256 bytes each or less.
   * Memory is used as clients come: 121 MB for 10^6 ids of up to 16 characters.
   */
  static reserve(options: { maxClients?: number } = {}): ClientTableMemory {
    const maxClients = options.maxClients ?? MAX_IDS;
    if (!Number.isInteger(maxClients) || maxClients < 1 || maxClients > MAX_IDS) {
      throw new RangeError(`maxClients ${maxClients} is not 1 to ${MAX_IDS}`);
    }
    return {
      maxClients,
      header: new SharedArrayBuffer(HEADER_BYTES),
      slots: growable(maxClients * SLOT_BYTES),
      dirty: DirtySet.reserve(maxClients),
      ids: ClientIds.reserve(maxClients),
      index: ClientIndex.reserve(maxClients),
    };
  }

  constructor(memory: ClientTableMemory) {
    this.#maxClients = memory.maxClients;
    this.#slots = memory.slots;
    this.#header = new Int32Array(memory.header);
    const slots = new BucketSlots(memory.slots);
    this.#buckets = new BucketTable(slots, this.#header);
    this.#writer = new BucketWriter(slots);
    this.#dirty = new DirtySet(memory.dirty);
    this.#ids = new ClientIds(memory.ids, memory.slots);
    this.#index = new ClientIndex(memory.index, this.#ids);
  }

  /** Clients in the table. */
  get size(): number {
    return Atomics.load(this.#header, SIZE);
  }

  /** Every slot that was ever used is below this; `peek` says which of them are. */
  get slots(): number {
    return Atomics.load(this.#header, HIGH_WATER);
  }

  /** Takes that gave up against other takes of the same bucket, by all threads; expected 0. */
  get givenUp(): number {
    return Atomics.load(this.#header, GIVEN_UP);
  }

  /** The client's slot, or -1. Use it in the same turn of the event loop. Allocates nothing. */
  find(clientId: string): number {
    return this.#index.find(clientId);
  }

  /** The same of the id in [from, to). */
  findBytes(bytes: Uint8Array, from: number, to: number): number {
    return this.#index.findBytes(bytes, from, to);
  }

  /** Takes one token if a whole one is there. `now` in ns on the clock of all threads. */
  take(slot: number, now: number, out: Take): TakeOutcome {
    const outcome = this.#buckets.take(slot, now, out);
    if (outcome === ADMITTED) this.#dirty.mark(slot);
    return outcome;
  }

  /** What the bucket holds now; takes nothing. False when the client is gone. */
  peek(slot: number, now: number, out: Take): boolean {
    return this.#buckets.peek(slot, now, out);
  }

  /** The id of a slot that `find` or `drainDirty` gave. */
  idOf(slot: number): string {
    return this.#ids.textOf(slot);
  }

  /** The id as bytes, written to `target` from `at` on; how many, 1 to 128. */
  copyId(slot: number, target: Uint8Array, at: number): number {
    return this.#ids.copy(slot, target, at);
  }

  /** Whether a slot below `slots` has this id; the client may be gone. */
  hasId(slot: number, bytes: Uint8Array, from: number, to: number): boolean {
    return this.#ids.equalsBytes(slot, bytes, from, to);
  }

  /** Tokens a second as configured; 0 when the client is gone. */
  ratePerSec(slot: number): number {
    return this.#buckets.ratePerSec(slot);
  }

  /** Admitted, rejected, last seen since the client was added, by all threads. */
  usage(slot: number, out: ClientUsage): void {
    this.#buckets.usage(slot, out);
  }

  /** Writer only. Admitted and rejected start again from zero. */
  clearUsage(slot: number): void {
    this.#buckets.clearUsage(slot);
  }

  /**
   * Writer only. A client that is not in the table, with `tokens` left (0 to the capacity). Its new
   * slot, or -1 when the table is full. Not marked dirty: the caller has just read or written it.
   */
  add(clientId: string, limit: ClientLimit, tokens: number, now: number): number {
    if (!STORED_CLIENT_ID.test(clientId)) throw new Error("not a client id");
    if (this.find(clientId) >= 0) throw new Error(`client ${clientId} is in the table`);
    const slot = this.#unusedSlot(now);
    if (slot < 0) return -1;
    if (!this.#ids.give(slot, clientId)) {
      this.#quarantine.put(slot, now);
      return -1;
    }
    this.#writer.open(slot, limit, tokens, now);
    this.#index.insert(clientId, slot);
    Atomics.add(this.#header, SIZE, 1);
    return slot;
  }

  /**
   * Writer only. Replaces the limit, and the tokens if given; null keeps the fraction of the bucket
   * that is left (50 of 100 become 100 of 200). Exact while takes go on. False when it is gone.
   */
  change(slot: number, limit: ClientLimit, tokens: number | null, now: number): boolean {
    const changed = this.#writer.change(slot, limit, tokens, now);
    if (changed) this.#dirty.mark(slot);
    return changed;
  }

  /** Writer only. False when it is gone already. The slot is not used again before PAUSE is over. */
  remove(slot: number, now: number): boolean {
    if (!this.#index.remove(this.#ids.textOf(slot), slot)) return false;
    this.#writer.close(slot);
    this.#quarantine.put(slot, now);
    Atomics.sub(this.#header, SIZE, 1);
    return true;
  }

  /**
   * Writer only. Visits every slot once whose tokens changed (take or change) since the last drain.
   * A slot whose client was removed meanwhile may be among them: `peek` then says false.
   */
  drainDirty(visit: (slot: number) => void): void {
    this.#dirty.drain(Atomics.load(this.#header, HIGH_WATER), visit);
  }

  #unusedSlot(now: number): number {
    const rested = this.#quarantine.next(now);
    if (rested >= 0) return rested;
    const next = Atomics.load(this.#header, HIGH_WATER);
    if (next === this.#maxClients) return -1;
    growTo(this.#slots, (next + 1) * SLOT_BYTES);
    Atomics.store(this.#header, HIGH_WATER, next + 1);
    return next;
  }
}
