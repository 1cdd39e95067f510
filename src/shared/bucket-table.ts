// What any thread may do to the buckets of registered clients: take a token, look, read the totals.
// No locks, no waiting; a thread that dies anywhere in here leaves every bucket usable, since the
// only write that decides is one compare-and-swap. Whether a token is there is decided on integers.

import * as at from "./bucket-layout.ts";
import type { BucketSlots } from "./bucket-slots.ts";
import { ADMITTED, describe, GONE, LIMITED, type Take, type TakeOutcome } from "./gcra.ts";

/**
 * A take loses its CAS only to another change of the same bucket, so this many losses would mean as
 * many admitted requests of one client within some 50 µs. The safe answer is then LIMITED. It is
 * counted in the header; two threads doing nothing but takes never came near.
 */
const MAX_TRIES = 1000;

/** Totals of one client since its bucket was opened, by all threads. */
export interface ClientUsage {
  /** Requests, modulo 2^32. */
  admitted: number;
  /** Requests, modulo 2^32. */
  rejected: number;
  /** Whole seconds on the table's clock when the last request came; -1 when none has. */
  lastSeen: number;
}

export class BucketTable {
  readonly #slots: BucketSlots;
  readonly #header: Int32Array;

  constructor(slots: BucketSlots, header: Int32Array) {
    this.#slots = slots;
    this.#header = header;
  }

  /** Takes one token if a whole one is there. `now` in ns. `out` is written unless GONE. */
  take(slot: number, now: number, out: Take): TakeOutcome {
    const slots = this.#slots;
    const { limit } = slots;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (!slots.read(slot)) return GONE;
      const ahead = slots.ahead(limit, now);
      const after = ahead + limit.interval;
      if (after <= limit.burst) {
        if (!slots.replace(slot, slots.high & at.STATE, limit, now, after)) continue;
        describe(limit, after, out);
        this.#count(slot, at.ADMITTED_COUNT, now);
        return ADMITTED;
      }
      if (!slots.unchanged(slot)) continue;
      describe(limit, ahead, out);
      this.#count(slot, at.REJECTED_COUNT, now);
      return LIMITED;
    }
    Atomics.add(this.#header, at.GIVEN_UP, 1);
    return this.peek(slot, now, out) ? LIMITED : GONE;
  }

  /** What the bucket holds now; takes nothing. False when there is none. */
  peek(slot: number, now: number, out: Take): boolean {
    const slots = this.#slots;
    for (;;) {
      if (!slots.read(slot)) return false;
      const ahead = slots.ahead(slots.limit, now);
      if (!slots.unchanged(slot)) continue;
      describe(slots.limit, ahead, out);
      return true;
    }
  }

  /** Tokens a second as configured; 0 when there is no bucket. */
  ratePerSec(slot: number): number {
    const slots = this.#slots;
    for (;;) {
      if (!slots.read(slot)) return 0;
      if (slots.unchanged(slot)) return slots.limit.ratePerSec;
    }
  }

  usage(slot: number, out: ClientUsage): void {
    const { cells } = this.#slots;
    const base = slot * at.SLOT_INTS;
    out.admitted = Atomics.load(cells, base + at.ADMITTED_COUNT) >>> 0;
    out.rejected = Atomics.load(cells, base + at.REJECTED_COUNT) >>> 0;
    out.lastSeen = Atomics.load(cells, base + at.LAST_SEEN) - 1;
  }

  /** The totals start again from zero. */
  clearUsage(slot: number): void {
    const base = slot * at.SLOT_INTS;
    Atomics.store(this.#slots.cells, base + at.ADMITTED_COUNT, 0);
    Atomics.store(this.#slots.cells, base + at.REJECTED_COUNT, 0);
  }

  #count(slot: number, counter: number, now: number): void {
    const { cells } = this.#slots;
    const base = slot * at.SLOT_INTS;
    Atomics.add(cells, base + counter, 1);
    const seen = Math.floor(now / 1e9) + 1;
    // Once a second a client; the totals lie in the line that the take holds anyway (6 ns).
    if (Atomics.load(cells, base + at.LAST_SEEN) < seen) {
      Atomics.store(cells, base + at.LAST_SEEN, seen);
    }
  }
}
