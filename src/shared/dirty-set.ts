// One bit per slot: its tokens changed since the last drain. Any thread marks, the flush drains.
// A take changes its bucket first and marks afterwards; the drain clears first and looks afterwards,
// so a change is never missed: it is seen by this drain or marked for the next one.

export class DirtySet {
  readonly #bits: Int32Array;

  static reserve(slots: number): SharedArrayBuffer {
    return new SharedArrayBuffer(Math.ceil(slots / 32) * 4);
  }

  constructor(memory: SharedArrayBuffer) {
    this.#bits = new Int32Array(memory);
  }

  mark(slot: number): void {
    const at = slot >>> 5;
    const bit = 1 << (slot & 31);
    // A busy client is nearly always marked already: the load spares the locked write.
    if ((Atomics.load(this.#bits, at) & bit) === 0) Atomics.or(this.#bits, at, bit);
  }

  /**
   * Visits every marked slot below `end` once and unmarks it. A plain scan: 10^6 idle slots are
   * 31,250 words and cost some 40 µs, less than keeping a summary level would cost every take.
   */
  drain(end: number, visit: (slot: number) => void): void {
    const words = Math.ceil(end / 32);
    for (let at = 0; at < words; at++) {
      if (this.#bits[at] === 0) continue;
      let word = Atomics.exchange(this.#bits, at, 0);
      while (word !== 0) {
        const bit = 31 - Math.clz32(word & -word);
        word &= word - 1;
        visit(at * 32 + bit);
      }
    }
  }
}
