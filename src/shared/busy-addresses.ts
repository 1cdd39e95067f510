// Which anonymous addresses send the most, in memory that does not grow: the space-saving algorithm
// (A. Metwally, D. Agrawal, A. El Abbadi, "Efficient Computation of Frequent and Top-k Elements in
// Data Streams", ICDT 2005), kept in sets of 8 so that a newcomer costs 8 comparisons. An address
// that sends more than an 8th of its set's requests always has an entry; one that had lost its place
// before says by how much it may be wrong. An entry idle for ten minutes goes first.
//
// A row of 4,096 entries (160 KB) for each worker, its only writer; any thread reads all rows. A set
// is 80 words: 8 upper and 8 lower halves of keys, then for each entry
//   0 admitted, 1 rejected  requests since the key came in, modulo 2^32
//   2 forgotten             how many this key may have had before, at most
//   3 last seen, 4 since    whole seconds on the clock of all threads
//   5 sequence              odd while key and entry change hands
// and the most requests of an entry that had to go while it was not idle. The first four words of
// all are the seed of the hash.

import { type AddressKey, keyText } from "./address.ts";
import { hashAddress } from "./address-hash.ts";
import { ADMITTED, type Take, type TakeOutcome } from "./gcra.ts";

const SETS = 512;
const WAYS = 8;
const SET_WORDS = 80;
const ENTRY_WORDS = 6;
const ENTRIES = 2 * WAYS;
const MOST_FORGOTTEN = ENTRIES + WAYS * ENTRY_WORDS;
const SEED_WORDS = 16;

const ADMITTED_COUNT = 0;
const REJECTED_COUNT = 1;
const FORGOTTEN = 2;
const LAST_SEEN = 3;
const SINCE = 4;
const SEQUENCE = 5;

const IDLE_SECONDS = 600;

export interface BusyAddressesMemory {
  readonly cells: SharedArrayBuffer;
  readonly workers: number;
}

/** What the threads saw of one address together. Times: whole seconds on the clock. */
export interface AddressUse {
  readonly address: string;
  admitted: number;
  rejected: number;
  forgotten: number;
  since: number;
  lastSeen: number;
}

interface Buckets {
  take(key: AddressKey, now: number, out: Take): TakeOutcome;
}

export class BusyAddresses {
  readonly #cells: Int32Array;
  readonly #seed: Int32Array;
  readonly #own: number;
  readonly #tag: AddressKey = { hi: 0, lo: 0 };

  static reserve({ workers }: { workers: number }): BusyAddressesMemory {
    const cells = new SharedArrayBuffer((SEED_WORDS + workers * SETS * SET_WORDS) * 4);
    new Int32Array(cells).set(crypto.getRandomValues(new Int32Array(4)));
    return { cells, workers };
  }

  /** `worker`: the row this thread counts in; without it, it only reads. */
  constructor({ cells }: BusyAddressesMemory, worker = 0) {
    this.#cells = new Int32Array(cells);
    this.#seed = this.#cells.slice(0, 4);
    this.#own = SEED_WORDS + worker * SETS * SET_WORDS;
  }

  /** The same buckets, with every take counted here. */
  watch(buckets: Buckets): Buckets {
    return {
      take: (key, now, out) => {
        const outcome = buckets.take(key, now, out);
        this.count(key, outcome === ADMITTED, now);
        return outcome;
      },
    };
  }

  /** One request. `now` in ns. */
  count(key: AddressKey, admitted: boolean, now: number): void {
    const cells = this.#cells;
    const seconds = Math.floor(now / 1e9);
    hashAddress(this.#seed, key, this.#tag);
    const set = this.#own + (this.#tag.lo & (SETS - 1)) * SET_WORDS;
    let way = 0;
    while (way < WAYS && (cells[set + way] !== key.hi || cells[set + WAYS + way] !== key.lo)) way++;
    if (way === WAYS) way = this.#admitNewcomer(set, key, seconds);
    const entry = entryAt(set, way);
    cells[entry + (admitted ? ADMITTED_COUNT : REJECTED_COUNT)]!++;
    cells[entry + LAST_SEEN] = seconds;
  }

  /** All addresses that have an entry, in no order. */
  all(): AddressUse[] {
    const found = new Map<string, AddressUse>();
    for (let set = SEED_WORDS; set < this.#cells.length; set += SET_WORDS) {
      for (let way = 0; way < WAYS; way++) this.#collect(set, way, found);
    }
    return [...found.values()];
  }

  #admitNewcomer(set: number, key: AddressKey, seconds: number): number {
    const cells = this.#cells;
    let way = 0;
    let least = Infinity;
    for (let candidate = 0; candidate < WAYS && least > 0; candidate++) {
      const weight = this.#weight(entryAt(set, candidate), seconds);
      if (weight >= least) continue;
      least = weight;
      way = candidate;
    }
    const forgotten = Math.max(least, cells[set + MOST_FORGOTTEN]! >>> 0);
    cells[set + MOST_FORGOTTEN] = forgotten;
    const entry = entryAt(set, way);
    // A worker that died in here left an odd number: its successor in this row goes on from it.
    Atomics.store(cells, entry + SEQUENCE, cells[entry + SEQUENCE]! | 1);
    cells[set + way] = key.hi;
    cells[set + WAYS + way] = key.lo;
    cells[entry + ADMITTED_COUNT] = 0;
    cells[entry + REJECTED_COUNT] = 0;
    cells[entry + FORGOTTEN] = forgotten;
    cells[entry + SINCE] = seconds;
    cells[entry + LAST_SEEN] = seconds;
    Atomics.add(cells, entry + SEQUENCE, 1);
    return way;
  }

  #weight(entry: number, seconds: number): number {
    const cells = this.#cells;
    if (seconds - cells[entry + LAST_SEEN]! > IDLE_SECONDS) return 0;
    return (
      (cells[entry + ADMITTED_COUNT]! >>> 0) +
      (cells[entry + REJECTED_COUNT]! >>> 0) +
      (cells[entry + FORGOTTEN]! >>> 0)
    );
  }

  #collect(set: number, way: number, found: Map<string, AddressUse>): void {
    const cells = this.#cells;
    const entry = entryAt(set, way);
    const sequence = Atomics.load(cells, entry + SEQUENCE);
    if (sequence === 0 || sequence % 2 !== 0) return;
    const address = keyText({ hi: cells[set + way]!, lo: cells[set + WAYS + way]! });
    const use: AddressUse = {
      address,
      admitted: cells[entry + ADMITTED_COUNT]! >>> 0,
      rejected: cells[entry + REJECTED_COUNT]! >>> 0,
      forgotten: cells[entry + FORGOTTEN]! >>> 0,
      since: cells[entry + SINCE]!,
      lastSeen: cells[entry + LAST_SEEN]!,
    };
    // It changed hands meanwhile: whoever came in has hardly sent anything yet.
    if (Atomics.load(cells, entry + SEQUENCE) !== sequence) return;
    const other = found.get(address);
    found.set(address, other ? merged(other, use) : use);
  }
}

function merged(a: AddressUse, b: AddressUse): AddressUse {
  return {
    address: a.address,
    admitted: a.admitted + b.admitted,
    rejected: a.rejected + b.rejected,
    forgotten: a.forgotten + b.forgotten,
    since: Math.min(a.since, b.since),
    lastSeen: Math.max(a.lastSeen, b.lastSeen),
  };
}

function entryAt(set: number, way: number): number {
  return set + ENTRIES + way * ENTRY_WORDS;
}
