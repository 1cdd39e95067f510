// Brings a returning backend up to its weight in steps, so that cold caches and pools are not hit by
// its whole share at once. Writes the backend's share in the table; one a probe.
// Always holds: when nothing is under way the share is 100 percent.

import type { BackendTable } from "../../shared/backend-table.ts";

const STEPS = 10;

export class SlowStart {
  readonly #table: BackendTable;
  readonly #slot: number;
  readonly #overMs: number;
  #timer: ReturnType<typeof setInterval> | null = null;

  /** `overMs`: from the first request to the whole weight; 0: no slow start. */
  constructor(table: BackendTable, slot: number, overMs: number) {
    this.#table = table;
    this.#slot = slot;
    this.#overMs = overMs;
  }

  /** Call before the backend is opened. */
  begin(): void {
    this.stop();
    if (this.#overMs === 0) return;
    let step = 1;
    this.#set(step);
    this.#timer = setInterval(() => {
      step++;
      this.#set(step);
      if (step === STEPS) this.stop();
    }, this.#overMs / STEPS);
  }

  stop(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#set(STEPS);
  }

  #set(step: number): void {
    this.#table.setShare(this.#slot, (step * 100) / STEPS);
  }
}
