// Turns the process's counters into the history, one sample a second. Runs on the main thread, the
// only writer of the history table; it reads a few dozen words a second, and no request waits.

import type { HistoryTable } from "../../shared/history-table.ts";
import type { CounterName } from "../../shared/metric-columns.ts";
import type { Histogram, MetricsTable } from "../../shared/metrics-table.ts";
import { countedBetween, quantile } from "./quantile.ts";

const REFUSED: readonly CounterName[] = ["requests_rejected", "requests_bad"];
const FAILED: readonly CounterName[] = ["responses_backend_5xx", "responses_gateway_5xx"];
const INTERVAL_MS = 1000;

export interface SamplerOptions {
  readonly metrics: MetricsTable;
  readonly history: HistoryTable;
}

interface Reading {
  /** Monotonic, nanoseconds. */
  readonly now: number;
  readonly admitted: number;
  readonly limited: number;
  readonly refused: number;
  readonly failed: number;
  readonly latency: Histogram;
}

export class Sampler {
  readonly #metrics: MetricsTable;
  readonly #history: HistoryTable;
  #last: Reading | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor({ metrics, history }: SamplerOptions) {
    this.#metrics = metrics;
    this.#history = history;
  }

  /** `clock`: monotonic, nanoseconds; `wallClock`: milliseconds since 1970. */
  start(clock: () => number, wallClock: () => number = Date.now): void {
    this.sample(clock(), wallClock());
    this.#timer = setInterval(() => this.sample(clock(), wallClock()), INTERVAL_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Writes what happened since the call before; the first one only looks. */
  sample(now: number, atMs: number): void {
    const last = this.#last;
    const reading = this.#read(now);
    this.#last = reading;
    if (last === null) return;
    const seconds = (now - last.now) / 1e9;
    const counts = countedBetween(last.latency, reading.latency);
    this.#history.write({
      at: atMs / 1000,
      admitted: (reading.admitted - last.admitted) / seconds,
      limited: (reading.limited - last.limited) / seconds,
      refused: (reading.refused - last.refused) / seconds,
      failed: (reading.failed - last.failed) / seconds,
      p50: quantile(counts, 0.5) * 1000,
      p99: quantile(counts, 0.99) * 1000,
      inFlight: this.#metrics.inFlight(),
    });
  }

  #read(now: number): Reading {
    const metrics = this.#metrics;
    const total = (names: readonly CounterName[]): number =>
      names.reduce((sum, name) => sum + metrics.total(name), 0);
    return {
      now,
      admitted: total(["requests_admitted"]),
      limited: total(["requests_limited"]),
      refused: total(REFUSED),
      failed: total(FAILED),
      latency: metrics.histogram("upstream"),
    };
  }
}
