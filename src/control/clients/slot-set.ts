// A set of slots of the client table, one bit each, visited in the order of the slots. A million
// slots as numbers in a Set would be tens of megabytes; here they are 125 kB, and adding one costs a
// few nanoseconds. Belongs to whoever made it; main thread only.

export class SlotSet {
  /** Grows with the highest slot. */
  #words: Int32Array = new Int32Array(64);
  #size = 0;
  /** Words from here on are 0. */
  #end = 0;

  get size(): number {
    return this.#size;
  }

  add(slot: number): void {
    const at = slot >>> 5;
    const bit = 1 << (slot & 31);
    if (at >= this.#words.length) this.#grow(at + 1);
    if ((this.#words[at]! & bit) !== 0) return;
    this.#words[at]! |= bit;
    this.#size += 1;
    if (at >= this.#end) this.#end = at + 1;
  }

  delete(slot: number): void {
    const at = slot >>> 5;
    const bit = 1 << (slot & 31);
    if (at >= this.#end || (this.#words[at]! & bit) === 0) return;
    this.#words[at]! &= ~bit;
    this.#size -= 1;
  }

  /** The first slot of the set that is not below `slot`, or -1. The set may change between calls. */
  next(slot: number): number {
    if (this.#size === 0) return -1;
    let at = slot >>> 5;
    if (at >= this.#end) return -1;
    let word = this.#words[at]! & (-1 << (slot & 31));
    while (word === 0) {
      if (++at >= this.#end) return -1;
      word = this.#words[at]!;
    }
    return at * 32 + 31 - Math.clz32(word & -word);
  }

  copy(): SlotSet {
    const copy = new SlotSet();
    copy.#words = this.#words.slice();
    copy.#size = this.#size;
    copy.#end = this.#end;
    return copy;
  }

  #grow(words: number): void {
    const grown = new Int32Array(Math.max(words, 2 * this.#words.length));
    grown.set(this.#words);
    this.#words = grown;
  }
}
