// 64-bit cells of shared memory as one thread sees them: read as two halves, changed only by a
// compare-and-swap of the whole. A cell that is a bucket's word holds 4 bits of state and a TAT of
// 60 bits; the TAT is computed in halves too, so it is exact where a float64 no longer would be.

const TWO_32 = 2 ** 32;
/** The TAT's part of a word's high half. */
const TAT_HIGH = (1 << 28) - 1;

export class WordCells {
  /** The same memory as Int32: cell i has its low half at 2i, its high half at 2i + 1. */
  readonly halves: Int32Array;
  readonly #cells: BigInt64Array;
  /** Both values of a CAS. A DataView makes a BigInt faster than any typed array does. */
  readonly #swap = new DataView(new ArrayBuffer(16));

  /** What `read` found. */
  high = 0;
  low = 0;

  constructor(memory: SharedArrayBuffer) {
    this.halves = new Int32Array(memory);
    this.#cells = new BigInt64Array(memory);
  }

  /** Reads a cell. The halves may stem from different moments; a successful `swap` proves not. */
  read(cell: number): void {
    this.high = Atomics.load(this.halves, cell * 2 + 1);
    this.low = Atomics.load(this.halves, cell * 2);
  }

  /** Whether a cell holds exactly this, at one moment. */
  holds(cell: number, high: number, low: number): boolean {
    return Atomics.load(this.#cells, cell) === this.#value(high, low);
  }

  /** Replaces what `read` found in this cell. False: another thread was faster, nothing changed. */
  swap(cell: number, high: number, low: number): boolean {
    const found = this.#value(this.high, this.low);
    this.#swap.setInt32(8, low, true);
    this.#swap.setInt32(12, high, true);
    const next = this.#swap.getBigInt64(8, true);
    return Atomics.compareExchange(this.#cells, cell, found, next) === found;
  }

  /** Units from `units` to the TAT that `read` found, negative when that has passed. */
  ahead(units: number): number {
    const unitsHigh = Math.floor(units / TWO_32);
    const unitsLow = units - unitsHigh * TWO_32;
    return ((this.high & TAT_HIGH) - unitsHigh) * TWO_32 + ((this.low >>> 0) - unitsLow);
  }

  /** `swap` by a word of `state` (its upper 4 bits) and a TAT `ahead` units after `units`. */
  swapTat(cell: number, state: number, units: number, ahead: number): boolean {
    const unitsHigh = Math.floor(units / TWO_32);
    const aheadHigh = Math.floor(ahead / TWO_32);
    const low = units - unitsHigh * TWO_32 + (ahead - aheadHigh * TWO_32);
    const carry = low >= TWO_32 ? 1 : 0;
    return this.swap(cell, state | (unitsHigh + aheadHigh + carry), low - carry * TWO_32);
  }

  #value(high: number, low: number): bigint {
    this.#swap.setInt32(0, low, true);
    this.#swap.setInt32(4, high, true);
    return this.#swap.getBigInt64(0, true);
  }
}
