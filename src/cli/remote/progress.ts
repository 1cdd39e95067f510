// A progress bar on stderr, redrawn in place; without a terminal there it says nothing.

import { duration, grouped } from "./columns.ts";

const WIDTH = 24;
const REDRAW_MS = 100;

export class Progress {
  readonly #total: number;
  readonly #what: string;
  readonly #shown = process.stderr.isTTY;
  readonly #started = performance.now();
  #drawn = -Infinity;

  /** `total` 0: unknown. */
  constructor(total: number, what: string) {
    this.#total = total;
    this.#what = what;
  }

  at(done: number): void {
    const now = performance.now();
    if (!this.#shown || (now - this.#drawn < REDRAW_MS && done !== this.#total)) return;
    this.#drawn = now;
    const seconds = (now - this.#started) / 1000;
    process.stderr.write(`\r\u001B[K${progressText(done, this.#total, this.#what, seconds)}`);
  }

  /** Takes the bar away: what follows stands on a clean line. */
  end(): void {
    if (this.#shown && this.#drawn !== -Infinity) process.stderr.write("\r\u001B[K");
  }
}

/** Pure. */
export function progressText(done: number, total: number, what: string, seconds: number): string {
  const rate = seconds > 0 ? done / seconds : 0;
  const speed = `${grouped(rate)}/s`;
  if (total === 0) return `${grouped(done)} ${what}  ${speed}`;
  const full = Math.round((done / total) * WIDTH);
  const bar = "█".repeat(full) + "░".repeat(WIDTH - full);
  const rest = rate > 0 ? (total - done) / rate : 0;
  const left = rest >= 1 ? `  ${duration(rest)} left` : "";
  return `${bar} ${Math.floor((done / total) * 100)} %  ${grouped(done)} of ${grouped(total)} ${what}  ${speed}${left}`;
}
