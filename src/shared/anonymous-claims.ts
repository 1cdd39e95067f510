// How an address gets a way of its set, and how a full bucket's way goes to another address. Any
// thread does this at any moment; there are no locks, and whatever a dead thread left half done, the
// next one that comes by finishes. Layout: anonymous-layout.ts.
//
// Three rules, each kept by a compare-and-swap:
// 1. Within a way the TAT only grows, so no word ever comes back and a CAS on it means "nothing
//    happened since I read it".
// 2. A key changes from version v to v + 1 only while its word is frozen with generation v; freezing
//    needs a bucket that is full, and raises its TAT to now or by one unit. A word that is frozen
//    with generation v stays frozen until the key has moved on. Nobody takes from it: its owner,
//    coming back, first moves the key from v to v + 1 itself (thaws it), and an evictor's CAS on the
//    key then fails. Frozen under an older version therefore means a full bucket that nobody took
//    from yet. So eviction forgets only full buckets, and a take and an eviction of one bucket
//    never both succeed.
// 3. A tag enters a set only through the set's one claim cell. The claimant reads the cell idle,
//    looks for the tag in all ways, freezes a victim, then swaps the cell to "this tag, this way,
//    this version". Idle values are unique, so success means that no tag entered since it looked: a
//    tag never has two ways. Everyone who finds an active claim finishes it: moves the key if it is
//    still at the claimed version, then makes the cell idle. A late finisher's CAS on the key
//    fails, as the key has left that version.
//
// Versions wrap at 2^14. To be fooled, a thread would have to stall between two adjacent
// instructions while one way changes hands exactly a multiple of 16,384 times, each time by a bucket
// that refilled; the cost would be one forgotten bucket.

import type { AddressKey } from "./address.ts";
import * as at from "./anonymous-layout.ts";
import type { WordCells } from "./word-cells.ts";

/** Every way holds a bucket that is not full again. */
export const NO_ROOM = -1;
/** Something changed; find the tag again. */
export const LOOK_AGAIN = -2;

export class AnonymousClaims {
  readonly #cells: WordCells;
  readonly #counters: BigInt64Array;
  readonly #sets: number;
  /** This thread's part of the next idle value. */
  #thread = 0;
  #count = 0;

  constructor(cells: WordCells, counters: BigInt64Array, sets: number) {
    this.#cells = cells;
    this.#counters = counters;
    this.#sets = sets;
  }

  /** One try to give the tag a way in its set. */
  enter(set: number, tag: AddressKey, units: number): typeof NO_ROOM | typeof LOOK_AGAIN {
    const cells = this.#cells;
    const tagLow = tag.lo & at.TAG_LOW;
    const cell = this.#claimCell(set);
    cells.read(cell);
    const { high, low } = cells;
    if ((low & at.ACTIVE) !== 0) {
      this.finish(set, high, low);
      return LOOK_AGAIN;
    }
    const key = at.HEADER + set * at.WAYS;
    if (this.#has(key, tag.hi, tagLow)) return LOOK_AGAIN;
    const way = this.#victim(key, units);
    // The tag may have come in through another thread and filled the last way itself.
    if (way < 0) return cells.holds(cell, high, low) ? NO_ROOM : LOOK_AGAIN;
    const version = this.freeze(key + way, units);
    if (version < 0) return LOOK_AGAIN;
    const claim =
      tagLow |
      ((version & at.CLAIM_VERSION) << at.CLAIM_VERSION_SHIFT) |
      (way << at.WAY_SHIFT) |
      at.ACTIVE;
    cells.high = high;
    cells.low = low;
    if (cells.swap(cell, tag.hi, claim)) this.finish(set, tag.hi, claim);
    return LOOK_AGAIN;
  }

  /** Whether a way is unused or holds a full bucket; changes nothing. */
  hasRoom(set: number, units: number): boolean {
    return this.#victim(at.HEADER + set * at.WAYS, units) >= 0;
  }

  /**
   * Freezes the word of a full bucket. The version of its key, or -1 when the bucket is not full or
   * another thread changed it.
   */
  freeze(key: number, units: number): number {
    const cells = this.#cells;
    const word = key + this.#sets * at.WAYS;
    cells.read(word);
    const ahead = cells.ahead(units);
    if (ahead > 0 && (cells.high & at.FROZEN) === 0) return -1;
    const version = Atomics.load(cells.halves, key * 2) & at.VERSION;
    const state = (version << at.GENERATION_SHIFT) | at.FROZEN;
    return cells.swapTat(word, state, units, Math.max(0, ahead + 1)) ? version : -1;
  }

  /** Carries out an active claim, whoever made it. Harmless when it is done already. */
  finish(set: number, high: number, low: number): void {
    const cells = this.#cells;
    const cell = this.#claimCell(set);
    const key = at.HEADER + set * at.WAYS + ((low >>> at.WAY_SHIFT) & (at.WAYS - 1));
    cells.read(key);
    const claimed = (low >>> at.CLAIM_VERSION_SHIFT) & at.CLAIM_VERSION;
    if ((cells.low & at.CLAIM_VERSION) === claimed) {
      // Only a key that was read while the claim was active may be moved for it.
      if (!cells.holds(cell, high, low)) return;
      const unused = cells.low === 0 && cells.high === 0;
      const next = (low & at.TAG_LOW) | ((cells.low + 1) & at.VERSION);
      if (cells.swap(key, high, next)) {
        Atomics.add(this.#counters, unused ? at.ENTRIES : at.EVICTIONS, 1n);
      }
    }
    // The key has left the claimed version, by us or by another.
    cells.high = high;
    cells.low = low;
    this.#makeIdle(cell);
  }

  #makeIdle(cell: number): void {
    if (this.#thread === 0 || this.#count === 2 ** 31 - 1) {
      this.#thread = Atomics.add(this.#cells.halves, at.THREADS, 1) + 1;
      this.#count = 0;
    }
    this.#cells.swap(cell, this.#thread, ++this.#count << 1);
  }

  #claimCell(set: number): number {
    return at.HEADER + this.#sets * 2 * at.WAYS + set;
  }

  #has(key: number, tagHigh: number, tagLow: number): boolean {
    const { halves } = this.#cells;
    for (let way = 0; way < at.WAYS; way++) {
      const low = Atomics.load(halves, (key + way) * 2);
      if ((low & at.TAG_LOW) !== tagLow) continue;
      if (Atomics.load(halves, (key + way) * 2 + 1) === tagHigh) return true;
    }
    return false;
  }

  /** The way whose bucket has been full for the longest, unused ones first; -1 when none is full. */
  #victim(key: number, units: number): number {
    const cells = this.#cells;
    let victim = -1;
    let longest = 1; // Units are whole: below 1 is full.
    for (let way = 0; way < at.WAYS; way++) {
      cells.read(key + this.#sets * at.WAYS + way);
      const ahead = cells.ahead(units);
      // A frozen bucket is full, although its TAT may lie a unit or two ahead.
      const rank = (cells.high & at.FROZEN) !== 0 ? Math.min(0, ahead) : ahead;
      if (rank >= longest) continue;
      longest = rank;
      victim = way;
    }
    return victim;
  }
}
