// Slots of removed clients, oldest first. A slot is handed out again only after a pause, so that a
// thread that was interrupted between finding a client and taking its token cannot wake up on the
// bucket of another one. Writer's own memory; time is passed in.

/** Nanoseconds. A find and its take are microseconds apart, in the same turn of the event loop. */
export const PAUSE = 5e9;

export class Quarantine {
  #slots: number[] = [];
  #since: number[] = [];
  #first = 0;

  put(slot: number, now: number): void {
    this.#slots.push(slot);
    this.#since.push(now);
  }

  /** The slot that has waited the longest, if long enough by now; else -1. */
  next(now: number): number {
    if (this.#first === this.#slots.length) return -1;
    if (now - this.#since[this.#first]! < PAUSE) return -1;
    const slot = this.#slots[this.#first]!;
    this.#first += 1;
    if (this.#first * 2 > this.#slots.length) this.#compact();
    return slot;
  }

  #compact(): void {
    this.#slots = this.#slots.slice(this.#first);
    this.#since = this.#since.slice(this.#first);
    this.#first = 0;
  }
}
