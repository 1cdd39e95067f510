// The slots of the bucket table as one thread sees them (layout: bucket-layout.ts), and the one
// operation that changes a bucket: a compare-and-swap of its word. Shared by what any thread does
// (bucket-table.ts) and what the writer does (bucket-writer.ts). The TAT is kept as two halves in
// float64, exact through all its 59 bits; only the CAS itself needs BigInts.

import * as at from "./bucket-layout.ts";
import { loadLimit, newLimit, unitsOf, type Limit } from "./gcra.ts";

export class BucketSlots {
  readonly cells: Int32Array;
  readonly doubles: Float64Array;
  readonly #words: BigInt64Array;
  /** Both words of a CAS. A DataView makes a BigInt in 9 ns where a BigInt64Array takes 26. */
  readonly #swap = new DataView(new ArrayBuffer(16));

  /** The word that `read` found, and the limit in force in it. */
  high = 0;
  low = 0;
  readonly limit: Limit = newLimit(1, 1);

  constructor(memory: SharedArrayBuffer) {
    this.cells = new Int32Array(memory);
    this.doubles = new Float64Array(memory);
    this.#words = new BigInt64Array(memory);
  }

  /**
   * Reads word and limit; false when the bucket is not live. The parts may stem from different
   * moments: believe them only after `replace` succeeded or `unchanged` said so.
   */
  read(slot: number): boolean {
    const base = slot * at.SLOT_INTS;
    this.high = Atomics.load(this.cells, base + at.WORD_HIGH);
    if ((this.high & at.LIVE) === 0) return false;
    this.low = Atomics.load(this.cells, base + at.WORD_LOW);
    const set = (this.high >>> at.GENERATION_SHIFT) & 1;
    const double = slot * at.SLOT_DOUBLES + set * at.SET_DOUBLES;
    const exponent = (this.cells[base + at.EXPONENTS]! >>> (set * 8)) & 0xff;
    const { doubles } = this;
    loadLimit(this.limit, doubles[double + at.CAPACITY]!, doubles[double + at.RATE]!, exponent);
    return true;
  }

  /**
   * Whether what `read` found was all of one moment: it is the word now, whose generation names the
   * limit. Looks at the word in one piece: two halves can each stem from another change, and a thread
   * that was suspended in between does meet its old generation again, after 16 changes. The locked
   * addition keeps the processor from looking before `read` is done.
   */
  unchanged(slot: number): boolean {
    const swap = this.#swap;
    swap.setInt32(0, this.low, true);
    swap.setInt32(4, this.high, true);
    Atomics.add(this.cells, slot * at.SLOT_INTS + at.FENCE, 0);
    // One aligned load of eight bytes, which does not tear, and no BigInt made. A double is the same
    // number only if it is the same bits, but for the two zeros and what is no number.
    const now = this.doubles[slot * at.SLOT_DOUBLES]!;
    if (now !== 0 && now === swap.getFloat64(0, true)) return true;
    return Atomics.load(this.#words, slot * at.SLOT_DOUBLES) === swap.getBigInt64(0, true);
  }

  /** Units from now to the TAT that `read` found; 0 when that has passed. */
  ahead(limit: Limit, now: number): number {
    const units = unitsOf(limit, now);
    const nowHigh = Math.floor(units / at.TWO_32);
    const nowLow = units - nowHigh * at.TWO_32;
    const high = (this.high & at.TAT_HIGH) - nowHigh;
    const ahead = high * at.TWO_32 + ((this.low >>> 0) - nowLow);
    return ahead > 0 ? ahead : 0;
  }

  /** Replaces the word that `read` found by `state` and a TAT `ahead` units after now; or false. */
  replace(slot: number, state: number, limit: Limit, now: number, ahead: number): boolean {
    const units = unitsOf(limit, now);
    const nowHigh = Math.floor(units / at.TWO_32);
    const aheadHigh = Math.floor(ahead / at.TWO_32);
    let low = units - nowHigh * at.TWO_32 + (ahead - aheadHigh * at.TWO_32);
    let high = nowHigh + aheadHigh;
    if (low >= at.TWO_32) {
      low -= at.TWO_32;
      high += 1;
    }
    return this.swap(slot, state | high, low);
  }

  /** Replaces the word that `read` found. False: another thread was faster, nothing changed. */
  swap(slot: number, high: number, low: number): boolean {
    const swap = this.#swap;
    swap.setInt32(0, this.low, true);
    swap.setInt32(4, this.high, true);
    swap.setUint32(8, low, true);
    swap.setInt32(12, high, true);
    const found = swap.getBigInt64(0, true);
    const next = swap.getBigInt64(8, true);
    return Atomics.compareExchange(this.#words, slot * at.SLOT_DOUBLES, found, next) === found;
  }
}
