// One kind of request of every client, counted and as rates over one and ten minutes. Fed with the
// 32-bit counters of the slots (usage/meter.ts says when); 18 bytes a slot, touched only when used.
//
// A rate over a time T is the exponentially decayed average with time constant T, as the load
// average of Unix is: a request counts 1/T when it comes and e^-1 of that a time T later.

const WRAP = 2 ** 32;
/** Requests a second below which a rate is 0. */
const FAINT = 1e-6;
export const MINUTE = 60;
export const TEN_MINUTES = 600;

/** What a look after `elapsed` seconds does to a rate: some of it stays, and what came is added. */
export interface Decay {
  /** Of the rate. */
  readonly kept: number;
  /** For each request that came meanwhile, spread evenly over the time. */
  readonly each: number;
}

export function decay(elapsed: number, time: number): Decay {
  if (elapsed <= 0) return { kept: 1, each: 1 / time };
  const kept = Math.exp(-elapsed / time);
  return { kept, each: (1 - kept) / elapsed };
}

export class Tally {
  /** The slots' counters when they were looked at last, and how often they had wrapped by then. */
  readonly #seen: Uint32Array;
  readonly #wraps: Uint16Array;
  readonly #minute: Float32Array;
  readonly #tenMinutes: Float32Array;

  constructor(slots: number) {
    this.#seen = new Uint32Array(slots);
    this.#wraps = new Uint16Array(slots);
    this.#minute = new Float32Array(slots);
    this.#tenMinutes = new Float32Array(slots);
  }

  clear(slot: number): void {
    for (const column of [this.#seen, this.#wraps, this.#minute, this.#tenMinutes]) {
      column[slot] = 0;
    }
  }

  /** A look at a counter. Must come before it wraps twice. */
  update(slot: number, count: number, minute: Decay, tenMinutes: Decay): void {
    const seen = this.#seen[slot]!;
    const rate = this.#tenMinutes[slot]!;
    if (count === seen && rate === 0) return;
    const added = added32(seen, count);
    if (count < seen) this.#wraps[slot]!++;
    this.#seen[slot] = count;
    this.#minute[slot] = faded(this.#minute[slot]! * minute.kept + added * minute.each);
    this.#tenMinutes[slot] = faded(rate * tenMinutes.kept + added * tenMinutes.each);
  }

  /** Requests since `clear`. */
  total(slot: number, count: number): number {
    const wraps = this.#wraps[slot]! + (count < this.#seen[slot]! ? 1 : 0);
    return wraps * WRAP + count;
  }

  /** Requests a second at a moment after the last look; nothing is changed. */
  perSecond(slot: number, count: number, time: typeof MINUTE | typeof TEN_MINUTES, by: Decay) {
    const rate = (time === MINUTE ? this.#minute : this.#tenMinutes)[slot]!;
    return faded(rate * by.kept + added32(this.#seen[slot]!, count) * by.each);
  }
}

function added32(seen: number, count: number): number {
  return count >= seen ? count - seen : count - seen + WRAP;
}

function faded(rate: number): number {
  return rate < FAINT ? 0 : rate;
}
