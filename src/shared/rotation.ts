// A rotation that all threads share: the main thread publishes cycles of slots, any thread draws the
// next one. A draw is one load of the header, one atomic add and one load, without locks.
// Always holds: every number found in a cycle buffer is a slot that exists, so a thread that was
// descheduled between two steps of a draw reads at worst a stale slot, which the caller checks.
//
// Layout, in 32-bit words from the base:
//   0                      header: publication number << 16 | cycle length   main writes, all read
//   LINE + b * BUFFER      cursor of buffer b: draws since publication       all add
//   LINE + b * BUFFER + LINE …  the cycle's slots                            main writes, all read

import { MAX_CYCLE } from "./schedule.ts";

/** Words that keep two hot fields off one cache line (and its prefetched neighbour). */
const LINE = 32;
/** A published buffer is rewritten four publications later at the earliest. */
const BUFFERS = 4;
const BUFFER_WORDS = LINE + MAX_CYCLE;
/** The draw that reaches this rewinds the cursor, long before 32 bits overflow. */
const REWIND_AT = 2 ** 30;

export const ROTATION_BYTES = 4 * (LINE + BUFFERS * BUFFER_WORDS);

export class Rotation {
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer, byteOffset: number) {
    this.#words = new Int32Array(buffer, byteOffset, ROTATION_BYTES / 4);
  }

  /** The next slot of the cycle; -1 while the cycle is empty. Any thread. */
  draw(): number {
    const words = this.#words;
    const header = Atomics.load(words, 0);
    const length = header & 0xffff;
    if (length === 0) return -1;
    const base = bufferOf(header);
    const drawn = Atomics.add(words, base, 1);
    // Exactly one thread gets this number. Taking whole cycles off leaves every position in the
    // cycle as it was, so the order survives where a plain overflow would skip.
    if (drawn === REWIND_AT) Atomics.sub(words, base, REWIND_AT - (REWIND_AT % length));
    return words[base + LINE + ((drawn >>> 0) % length)]!;
  }

  /** What the draw after `skipped` others would answer, drawing nothing. Any thread. */
  upcoming(skipped: number): number {
    const words = this.#words;
    const header = Atomics.load(words, 0);
    const length = header & 0xffff;
    if (length === 0) return -1;
    const base = bufferOf(header);
    const drawn = (Atomics.load(words, base) + skipped) >>> 0;
    return words[base + LINE + (drawn % length)]!;
  }

  /**
   * Replaces the cycle for all threads at once. Without `cursor` the new one goes on after the slot
   * that was drawn last, so that changes do not favour the first slot. Main thread only.
   */
  publish(cycle: readonly number[], cursor = this.#continuation(cycle)): void {
    const words = this.#words;
    const publication = ((words[0]! >>> 16) + 1) & 0x7fff;
    const header = (publication << 16) | cycle.length;
    const base = bufferOf(header);
    for (const [position, slot] of cycle.entries()) words[base + LINE + position] = slot;
    Atomics.store(words, base, cursor);
    Atomics.store(words, 0, header);
  }

  /**
   * Where the new cycle holds the slot that the present one would have drawn next: of several places
   * the one as far into the cycle as the present one is. From the first of them, a light member whose
   * turn comes late would have none as long as changes keep coming.
   */
  #continuation(cycle: readonly number[]): number {
    const words = this.#words;
    const length = words[0]! & 0xffff;
    const base = bufferOf(words[0]!);
    const next = Atomics.load(words, base) >>> 0;
    const kept = new Set(cycle);
    for (let step = 0; step < length; step++) {
      const slot = words[base + LINE + ((next + step) % length)]!;
      if (kept.has(slot)) return nearest(cycle, slot, ((next % length) / length) * cycle.length);
    }
    return 0;
  }
}

/** The position of `slot` that is the fewest steps from `place`, either way round. */
function nearest(cycle: readonly number[], slot: number, place: number): number {
  let found = -1;
  let fewest = Infinity;
  for (const [position, member] of cycle.entries()) {
    if (member !== slot) continue;
    const apart = Math.abs(position - place);
    const steps = Math.min(apart, cycle.length - apart);
    if (steps >= fewest) continue;
    fewest = steps;
    found = position;
  }
  return found;
}

function bufferOf(header: number): number {
  return LINE + ((header >>> 16) % BUFFERS) * BUFFER_WORDS;
}
