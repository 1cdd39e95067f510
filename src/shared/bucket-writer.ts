// What only the writer, the main thread, does to buckets: open, change, close. Takes go on meanwhile
// and are never blocked: the new limit is written beside the one in force, and one compare-and-swap
// switches both the limit and the tokens, so every take sees either all of the old or all of the new.

import * as at from "./bucket-layout.ts";
import type { BucketSlots } from "./bucket-slots.ts";
import { aheadFor, newLimit, rescale, type Limit } from "./gcra.ts";

export interface ClientLimit {
  /** Tokens. 1 to 1e9, fractions allowed. */
  readonly capacity: number;
  /** Tokens a second. Above 0, at most 1e9. */
  readonly ratePerSec: number;
}

export class BucketWriter {
  readonly #slots: BucketSlots;

  constructor(slots: BucketSlots) {
    this.#slots = slots;
  }

  /** Opens the bucket of a slot that has none. `tokens` from 0 to the capacity, `now` in ns. */
  open(slot: number, wanted: ClientLimit, tokens: number, now: number): void {
    const slots = this.#slots;
    const base = slot * at.SLOT_INTS;
    if (slots.read(slot)) throw new Error(`slot ${slot} holds a bucket`);
    slots.low = 0;
    for (const counter of [at.ADMITTED_COUNT, at.REJECTED_COUNT, at.LAST_SEEN]) {
      Atomics.store(slots.cells, base + counter, 0);
    }
    const state = nextState(slots.high, true);
    const limit = this.#prepare(slot, state, wanted);
    const opened = slots.replace(slot, state, limit, now, aheadFor(limit, tokens));
    if (!opened) throw new Error(`slot ${slot} has a second writer`);
  }

  /**
   * Replaces the limit, and the tokens if given; null keeps the fraction of the bucket that is left.
   * No take is lost and none is counted twice. False when the slot has no bucket.
   */
  change(slot: number, wanted: ClientLimit, tokens: number | null, now: number): boolean {
    const slots = this.#slots;
    if (!slots.read(slot)) return false;
    const state = nextState(slots.high, true);
    const limit = this.#prepare(slot, state, wanted);
    for (;;) {
      const ahead =
        tokens === null
          ? rescale(slots.ahead(slots.limit, now), slots.limit, limit)
          : aheadFor(limit, tokens);
      if (slots.replace(slot, state, limit, now, ahead)) return true;
      slots.read(slot);
    }
  }

  /** Closes the bucket: from here on every take answers GONE. False when the slot has none. */
  close(slot: number): boolean {
    const slots = this.#slots;
    while (slots.read(slot)) {
      if (slots.swap(slot, nextState(slots.high, false), 0)) return true;
    }
    return false;
  }

  /** Writes the limit into the parameter set that `state` names; nobody reads it yet. */
  #prepare(slot: number, state: number, wanted: ClientLimit): Limit {
    const { cells, doubles } = this.#slots;
    const limit = newLimit(wanted.capacity, wanted.ratePerSec);
    const set = (state >>> at.GENERATION_SHIFT) & 1;
    const double = slot * at.SLOT_DOUBLES + set * at.SET_DOUBLES;
    doubles[double + at.CAPACITY] = limit.capacity;
    doubles[double + at.RATE] = limit.ratePerSec;
    const place = slot * at.SLOT_INTS + at.EXPONENTS;
    const others = Atomics.load(cells, place) & ~(0xff << (set * 8));
    Atomics.store(cells, place, others | (limit.exponent << (set * 8)));
    return limit;
  }
}

/** The state bits after one more change: next generation, live or not. */
function nextState(high: number, live: boolean): number {
  const generation = (high >>> at.GENERATION_SHIFT) + 1;
  return (generation << at.GENERATION_SHIFT) | (live ? at.LIVE : 0);
}
