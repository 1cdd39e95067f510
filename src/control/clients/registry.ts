// The writer of the client table: brings rows of the database into it. It remembers the version of
// every slot, so applying a row twice changes nothing. A row that was read or written under its
// client's turn is what the database holds, also at an older version: a database that was restored
// from a backup, or lost its last changes in a failover, counts from there again. Only the main
// thread has one.

import type { ClientTable, ClientTableMemory } from "../../shared/client-table.ts";
import type { Client } from "../../shared/clients.ts";
import type { Clock } from "../../shared/clock.ts";
import { newTake, type Take } from "../../shared/gcra.ts";
import type { PackedBuckets, UnpackedBuckets } from "./packed-buckets.ts";
import { isSound, tokensNow, type ClientRow } from "./repository.ts";
import { SlotSet } from "./slot-set.ts";

/** `known`: the table holds this row. `full`: there is no room for it. `unsound`: as of `isSound`. */
export type Applied = "added" | "changed" | "known" | "full" | "unsound";

export interface RegistryOptions {
  readonly table: ClientTable;
  readonly memory: ClientTableMemory;
  /** The process-wide monotonic clock, nanoseconds. */
  readonly clock: Clock;
  /** Wall clock, milliseconds since 1970. */
  readonly wallClock?: () => number;
  /** A slot has a new client; `now` as of `clock`. */
  readonly onAdded?: (slot: number, now: number) => void;
}

export class ClientRegistry {
  /** Slots whose newest stored tokens may be in the database's journal, not in the client's row. */
  readonly journaled = new SlotSet();
  readonly #table: ClientTable;
  readonly #maxClients: number;
  readonly #clock: Clock;
  readonly #wallClock: () => number;
  readonly #onAdded: (slot: number, now: number) => void;
  /** Version of the row in each slot; stale for a slot whose client was removed. */
  readonly #versions: Float64Array;
  readonly #take: Take = newTake();
  #slots = 0;

  constructor(options: RegistryOptions) {
    const { table, memory, clock, wallClock = Date.now, onAdded = () => undefined } = options;
    this.#table = table;
    this.#maxClients = memory.maxClients;
    this.#clock = clock;
    this.#wallClock = wallClock;
    this.#onAdded = onAdded;
    // Address space until touched, as the table itself.
    this.#versions = new Float64Array(memory.maxClients);
  }

  get full(): boolean {
    return this.#table.size >= this.#maxClients;
  }

  get size(): number {
    return this.#table.size;
  }

  get maxClients(): number {
    return this.#maxClients;
  }

  /** Every slot in use is below this. */
  get slots(): number {
    return this.#slots;
  }

  /** Wall clock, milliseconds since 1970. */
  wallNow(): number {
    return this.#wallClock();
  }

  slotOf(clientId: string): number {
    return this.#table.find(clientId);
  }

  /** As `slotOf`; quick if the client is in the slot `guess`. */
  slotOfEntry(entry: UnpackedBuckets, guess: number): number {
    const { bytes, idStart, idEnd } = entry;
    const right = guess >= 0 && guess < this.#slots;
    if (right && this.#table.hasId(guess, bytes, idStart, idEnd)) return guess;
    return this.#table.find(entry.clientId);
  }

  /** The version that the table holds; 0 when it does not hold the client. */
  versionOf(clientId: string): number {
    const slot = this.#table.find(clientId);
    return slot < 0 ? 0 : this.#versions[slot]!;
  }

  /** Whether the table holds the client as in this row; after a restore, its version says too little. */
  holds(row: ClientRow): boolean {
    const slot = this.#table.find(row.clientId);
    return slot >= 0 && this.#holds(slot, row);
  }

  #holds(slot: number, { version, capacity, ratePerSec }: ClientRow): boolean {
    return (
      this.#versions[slot] === version &&
      this.#table.peek(slot, this.#clock(), this.#take) &&
      this.#take.limit === capacity &&
      this.#table.ratePerSec(slot) === ratePerSec
    );
  }

  /**
   * Call it under a turn on the client. Tokens set by hand are taken over, else the fraction that is
   * left stays.
   */
  apply(row: ClientRow): Applied {
    if (!isSound(row)) return "unsound";
    const { clientId, version } = row;
    const slot = this.#table.find(clientId);
    const now = this.#clock();
    if (slot < 0) {
      const added = this.#table.add(clientId, row, tokensNow(row, this.#wallClock()), now);
      if (added < 0) return "full";
      this.#versions[added] = version;
      this.#slots = Math.max(this.#slots, added + 1);
      this.#onAdded(added, now);
      return "added";
    }
    if (this.#holds(slot, row)) return "known";
    const known = this.#versions[slot]!;
    const tokens = row.tokensVersion > known ? tokensNow(row, this.#wallClock()) : null;
    this.#table.change(slot, row, tokens, now);
    this.#versions[slot] = version;
    return "changed";
  }

  /**
   * For the start: tokens of this version that the journal held at `at` (wall clock, milliseconds),
   * newer than the row's. False when the table holds another version.
   */
  refresh(slot: number, version: number, tokens: number, at: number): boolean {
    const now = this.#clock();
    if (this.#versions[slot] !== version || !this.#table.peek(slot, now, this.#take)) return false;
    const limit = { capacity: this.#take.limit, ratePerSec: this.#table.ratePerSec(slot) };
    const left = tokensNow({ ...limit, tokens, tokensAt: at }, this.#wallClock());
    this.#table.change(slot, limit, left, now);
    this.journaled.add(slot);
    return true;
  }

  /** The row is gone. False when the table did not hold it. */
  drop(clientId: string): boolean {
    const slot = this.#table.find(clientId);
    return slot >= 0 && this.#table.remove(slot, this.#clock());
  }

  /** The client with its live tokens, or null. */
  client(clientId: string): Client | null {
    const slot = this.#table.find(clientId);
    const take = this.#take;
    if (slot < 0 || !this.#table.peek(slot, this.#clock(), take)) return null;
    return {
      client_id: clientId,
      capacity: take.limit,
      rate_per_sec: this.#table.ratePerSec(slot),
      current_tokens: take.remaining,
    };
  }

  /** What a flush writes of a slot: tokens now. False when the client is gone. */
  read(slot: number, out: { clientId: string; version: number; tokens: number }): boolean {
    if (!this.#table.peek(slot, this.#clock(), this.#take)) return false;
    out.clientId = this.#table.idOf(slot);
    out.version = this.#versions[slot]!;
    out.tokens = this.#take.remaining;
    return true;
  }

  /** As `read`, with the id as bytes. */
  pack(slot: number, into: PackedBuckets): void {
    if (!this.#table.peek(slot, this.#clock(), this.#take)) return;
    into.add(this.#table, slot, this.#versions[slot]!, this.#take.remaining);
  }

  drainDirty(visit: (slot: number) => void): void {
    this.#table.drainDirty(visit);
  }

  /** The clients in the slots below `seen.length` whose entry in it is 0. */
  idsOfUnseen(seen: Uint8Array): string[] {
    const ids: string[] = [];
    for (let slot = 0; slot < seen.length; slot++) {
      if (seen[slot] !== 0) continue;
      if (this.#table.peek(slot, this.#clock(), this.#take)) ids.push(this.#table.idOf(slot));
    }
    return ids;
  }
}
