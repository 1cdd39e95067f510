// The buckets of requests without a registered client, keyed by address: set-associative, in fixed
// shared memory, used by every thread alike without locks (anonymous-claims.ts says why that is
// exact). All buckets have the same limit. Only a bucket that is full again gives its way to another
// address, which loses nothing. While all 8 ways of a set are in use, its newcomers share the set's
// own overflow bucket, of the same limit: one for each set, not for the whole table, so that an
// attacker who fills one set with addresses crowds out nobody in the others.

import type { AddressKey } from "./address.ts";
import { hashAddress } from "./address-hash.ts";
import { AnonymousBuckets, RETRY } from "./anonymous-buckets.ts";
import { AnonymousClaims, NO_ROOM } from "./anonymous-claims.ts";
import * as at from "./anonymous-layout.ts";
import { describe, LIMITED, newLimit, unitsOf } from "./gcra.ts";
import type { Limit, Take, TakeOutcome } from "./gcra.ts";
import { WordCells } from "./word-cells.ts";

export interface AnonymousTableMemory {
  readonly cells: SharedArrayBuffer;
}

export interface AnonymousTableOptions {
  /** Tokens of every bucket, 1 to 1e9. */
  readonly capacity: number;
  /** Tokens a second of every bucket, above 0, at most 1e9. */
  readonly ratePerSec: number;
  /** Buckets; rounded up to a power of two from 131,072 (2.4 MB, the default) to 33,554,432. */
  readonly entries?: number;
  /** Of the hash, four int32; random when left out. Only for a table that takes buckets over. */
  readonly seed?: readonly number[] | undefined;
}

/** Each failed try means that another thread changed the same set: never reached by real load. */
const MAX_TRIES = 1000;

export class AnonymousTable {
  readonly #halves: Int32Array;
  readonly #counters: BigInt64Array;
  readonly #claims: AnonymousClaims;
  readonly #buckets: AnonymousBuckets;
  readonly #limit: Limit;
  readonly #seed: Int32Array;
  readonly #sets: number;
  /** Scratch: the hashed address. */
  readonly #tag: AddressKey = { hi: 0, lo: 0 };

  static reserve(options: AnonymousTableOptions): AnonymousTableMemory {
    let sets = at.MIN_SETS;
    while (sets * at.WAYS < (options.entries ?? 0) && sets < at.MAX_SETS) sets *= 2;
    const cells = new SharedArrayBuffer((at.HEADER + sets * at.SET_CELLS) * 8);
    const header = new Float64Array(cells);
    header[at.CAPACITY] = options.capacity;
    header[at.RATE] = options.ratePerSec;
    // Not filled in place: getRandomValues refuses shared memory.
    const seed = options.seed ?? crypto.getRandomValues(new Int32Array(4));
    new Int32Array(cells).set(seed, at.SEED);
    return { cells };
  }

  static sets({ cells }: AnonymousTableMemory): number {
    return (cells.byteLength / 8 - at.HEADER) / at.SET_CELLS;
  }

  /** Attaches to a reserved table, on any thread. */
  constructor({ cells }: AnonymousTableMemory) {
    const header = new Float64Array(cells);
    const words = new WordCells(cells);
    this.#limit = newLimit(header[at.CAPACITY]!, header[at.RATE]!);
    this.#halves = words.halves;
    this.#seed = Int32Array.from(words.halves.subarray(at.SEED, at.SEED + 4));
    this.#counters = new BigInt64Array(cells, 0, at.HEADER);
    this.#sets = AnonymousTable.sets({ cells });
    this.#claims = new AnonymousClaims(words, this.#counters, this.#sets);
    this.#buckets = new AnonymousBuckets(words, this.#limit, this.#sets);
  }

  /** One token of the address's bucket, or of its set's shared one. `now` in ns. Never GONE. */
  take(address: AddressKey, now: number, out: Take): TakeOutcome {
    const units = this.#units(now);
    const set = this.#locate(address);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const key = this.#find(set);
      if (key >= 0) {
        const outcome = this.#buckets.take(key, this.#tag, units, out);
        if (outcome !== RETRY) return outcome;
      } else if (this.#claims.enter(set, this.#tag, units) === NO_ROOM) {
        const outcome = this.#buckets.takeShared(this.#sharedCell(set), units, out);
        if (outcome === RETRY) continue;
        Atomics.add(this.#counters, at.OVERFLOWS, 1n);
        return outcome;
      }
    }
    Atomics.add(this.#counters, at.GIVEN_UP, 1n);
    describe(this.#limit, this.#limit.burst, out);
    return LIMITED;
  }

  /**
   * What a take of the address would find: its bucket, a full one if it would get that, or its set's
   * shared one. Takes nothing.
   */
  peek(address: AddressKey, now: number, out: Take): void {
    const units = this.#units(now);
    const set = this.#locate(address);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const key = this.#find(set);
      if (key >= 0) {
        if (this.#buckets.peek(key, this.#tag, units, out)) return;
      } else if (this.#claims.hasRoom(set, units)) break;
      else if (this.#buckets.peekShared(this.#sharedCell(set), units, out)) return;
    }
    describe(this.#limit, 0, out);
  }

  /** Totals of all threads since the table was reserved; `entries` are the ways in use. */
  numbers(): { entries: number; evictions: number; overflows: number; givenUp: number } {
    const count = (cell: number): number => Number(Atomics.load(this.#counters, cell));
    return {
      entries: count(at.ENTRIES),
      evictions: count(at.EVICTIONS),
      overflows: count(at.OVERFLOWS),
      givenUp: count(at.GIVEN_UP),
    };
  }

  /** One later than now, so that unused memory, whose TAT is 0, is always in the past. */
  #units(now: number): number {
    return unitsOf(this.#limit, now) + 1;
  }

  /** Hashes the address into `#tag`; its set. */
  #locate(address: AddressKey): number {
    hashAddress(this.#seed, address, this.#tag);
    return this.#tag.lo & (this.#sets - 1);
  }

  /** The cell of the tag's key, or -1. A hint only, by plain loads: who uses it verifies it. */
  #find(set: number): number {
    const halves = this.#halves;
    const { hi, lo } = this.#tag;
    const first = at.HEADER + set * at.WAYS;
    for (let key = first; key < first + at.WAYS; key++) {
      if (halves[key * 2 + 1] !== hi) continue;
      if ((halves[key * 2]! & at.TAG_LOW) === (lo & at.TAG_LOW)) return key;
    }
    return -1;
  }

  #sharedCell(set: number): number {
    return at.HEADER + this.#sets * (2 * at.WAYS + 1) + set;
  }
}
