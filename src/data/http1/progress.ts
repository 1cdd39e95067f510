// Whether a client keeps up: uploads by a minimum rate instead of a total, so that long ones live and
// dripping ones do not; answers by any progress at all. Counts waiting only while we wait.

import type { ServerLimits } from "./limits.ts";

export type Late = "read" | "write" | null;

export class Progress {
  readonly #limits: ServerLimits;
  #readAt = 0;
  #readStart = 0;
  #sentAt = 0;
  /** Milliseconds of waiting for the client's bytes in all, and since the last of them. */
  #waited = 0;
  #quiet = 0;
  /** Milliseconds since the client took the last of ours. */
  #stuck = 0;

  constructor(limits: ServerLimits) {
    this.#limits = limits;
  }

  /** `read` and `sent` are the counts of bytes so far. */
  start(read: number, sent: number): void {
    this.#readAt = this.#readStart = read;
    this.#sentAt = sent;
    this.#waited = this.#quiet = this.#stuck = 0;
  }

  /** After `elapsed` more milliseconds; a count is -1 while nothing is waited for there. */
  check(elapsed: number, read: number, sent: number): Late {
    return this.#readsLate(elapsed, read)
      ? "read"
      : this.#writesLate(elapsed, sent)
        ? "write"
        : null;
  }

  /** Whether anything was sent since the last time this was asked. */
  sentSince(sent: number): boolean {
    const since = sent !== this.#sentAt;
    this.#sentAt = sent;
    return since;
  }

  #readsLate(elapsed: number, read: number): boolean {
    if (read < 0) return false;
    const { bodyIdleMs, bodyGraceMs, bodyRate } = this.#limits;
    this.#waited += elapsed;
    this.#quiet = read === this.#readAt ? this.#quiet + elapsed : 0;
    this.#readAt = read;
    if (this.#quiet >= bodyIdleMs) return true;
    const beyond = this.#waited - bodyGraceMs;
    return beyond > 0 && read - this.#readStart < (bodyRate * beyond) / 1000;
  }

  #writesLate(elapsed: number, sent: number): boolean {
    this.#stuck = sent < 0 || sent !== this.#sentAt ? 0 : this.#stuck + elapsed;
    if (sent >= 0) this.#sentAt = sent;
    return this.#stuck >= this.#limits.writeIdleMs;
  }
}
