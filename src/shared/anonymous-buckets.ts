// Taking and looking at one bucket of the anonymous table, by any thread (layout: anonymous-layout.ts,
// why it is exact: anonymous-claims.ts). A bucket's word is read before its key, so a key that
// matches and a word that is still the same afterwards prove that both belong together.

import type { AddressKey } from "./address.ts";
import * as at from "./anonymous-layout.ts";
import { ADMITTED, describe, LIMITED } from "./gcra.ts";
import type { Limit, Take } from "./gcra.ts";
import type { WordCells } from "./word-cells.ts";

/** Another thread changed the bucket or its key: find the address again. */
export const RETRY = -1;
export type TryOutcome = typeof RETRY | typeof ADMITTED | typeof LIMITED;

export class AnonymousBuckets {
  readonly #cells: WordCells;
  readonly #limit: Limit;
  readonly #ways: number;
  /** What `#read` found in the key. */
  #keyHigh = 0;
  #keyLow = 0;

  constructor(cells: WordCells, limit: Limit, sets: number) {
    this.#cells = cells;
    this.#limit = limit;
    this.#ways = sets * at.WAYS;
  }

  /** One try to take a token of `tag`'s bucket at cell `key`. `out` is written unless RETRY. */
  take(key: number, tag: AddressKey, units: number, out: Take): TryOutcome {
    if (!this.#read(key, tag)) return RETRY;
    const cells = this.#cells;
    const generation = (this.#keyLow << at.GENERATION_SHIFT) & at.GENERATION;
    const frozen = (cells.high & at.FROZEN) !== 0;
    if (frozen && (cells.high & at.GENERATION) === generation) return this.#thaw(key);
    // A frozen bucket is full, even where this thread's clock is a little behind the one that froze
    // it; its TAT must grow all the same.
    const past = cells.ahead(units);
    const ahead = frozen ? 0 : Math.max(0, past);
    const after = ahead + this.#limit.interval;
    const word = key + this.#ways;
    if (after > this.#limit.burst) return this.#refuse(word, ahead, out);
    if (!cells.swapTat(word, generation, units, Math.max(after, past + 1))) return RETRY;
    describe(this.#limit, after, out);
    return ADMITTED;
  }

  /** The same for the overflow bucket at cell `word`, which has no owner. */
  takeShared(word: number, units: number, out: Take): TryOutcome {
    const cells = this.#cells;
    cells.read(word);
    const ahead = Math.max(0, cells.ahead(units));
    const after = ahead + this.#limit.interval;
    if (after > this.#limit.burst) return this.#refuse(word, ahead, out);
    if (!cells.swapTat(word, 0, units, after)) return RETRY;
    describe(this.#limit, after, out);
    return ADMITTED;
  }

  /** Describes `tag`'s bucket at cell `key`; false: find it again. */
  peek(key: number, tag: AddressKey, units: number, out: Take): boolean {
    if (!this.#read(key, tag)) return false;
    const { high, low } = this.#cells;
    const full = (high & at.FROZEN) !== 0;
    const ahead = full ? 0 : Math.max(0, this.#cells.ahead(units));
    if (!this.#cells.holds(key + this.#ways, high, low)) return false;
    describe(this.#limit, ahead, out);
    return true;
  }

  /** The same of the overflow bucket at cell `word`. */
  peekShared(word: number, units: number, out: Take): boolean {
    this.#cells.read(word);
    const { high, low } = this.#cells;
    const ahead = Math.max(0, this.#cells.ahead(units));
    if (!this.#cells.holds(word, high, low)) return false;
    describe(this.#limit, ahead, out);
    return true;
  }

  #refuse(word: number, ahead: number, out: Take): TryOutcome {
    if (!this.#cells.holds(word, this.#cells.high, this.#cells.low)) return RETRY;
    describe(this.#limit, ahead, out);
    return LIMITED;
  }

  /** The owner is back before its way was given away: moves the key on, so that it stays here. */
  #thaw(key: number): typeof RETRY {
    const cells = this.#cells;
    cells.high = this.#keyHigh;
    cells.low = this.#keyLow;
    const version = (cells.low + 1) & at.VERSION;
    cells.swap(key, cells.high, (cells.low & at.TAG_LOW) | version);
    return RETRY;
  }

  /** Reads word, then key; false when the key is not the tag's. */
  #read(key: number, tag: AddressKey): boolean {
    const { halves } = this.#cells;
    this.#cells.read(key + this.#ways);
    this.#keyLow = Atomics.load(halves, key * 2);
    this.#keyHigh = Atomics.load(halves, key * 2 + 1);
    // The version is in the low half: unchanged, it proves that the halves belong together.
    if (Atomics.load(halves, key * 2) !== this.#keyLow) return false;
    return this.#keyHigh === tag.hi && (this.#keyLow & at.TAG_LOW) === (tag.lo & at.TAG_LOW);
  }
}
