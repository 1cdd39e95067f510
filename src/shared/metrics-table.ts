// Counters of the whole process in one SharedArrayBuffer: a row of Float64 for each worker and one
// for the main thread. A row has a single writer, so counting is a plain `++`; readers add the rows
// up. An aligned 8-byte access does not tear on the 64-bit machines Bun runs on.
// Always holds: a counter never falls; what a dead worker counted stays.

import { type CounterName, COUNTERS, GAUGES, type GaugeName } from "./metric-columns.ts";

/** Upper bounds of the latency buckets, in seconds; one more bucket holds all that is above. */
export const DURATION_BOUNDS: readonly number[] = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
  10, 30, 60,
];
const BOUNDS = Float64Array.from(DURATION_BOUNDS);
/** Elements of one histogram: a count for each bucket, then the sum in seconds. */
const HISTOGRAM = BOUNDS.length + 2;
const SUM = BOUNDS.length + 1;

/** `request`: all of it, to the end of the answer's body. `upstream`: to the backend's headers. */
export type HistogramName = "request" | "upstream";
const HISTOGRAMS: readonly HistogramName[] = ["request", "upstream"];

// A row: counters, then histograms, then the requests in flight; padded to its own cache lines.
const HISTOGRAMS_AT = COUNTERS.length;
const IN_FLIGHT = HISTOGRAMS_AT + HISTOGRAMS.length * HISTOGRAM;
const ROW = Math.ceil((IN_FLIGHT + 1) / 16) * 16;

const COLUMN = new Map<CounterName, number>(COUNTERS.map((name, column) => [name, column]));
const GAUGE = new Map<GaugeName, number>(GAUGES.map((name, column) => [name, column]));

/** Column of a counter, for `add`: look it up once, when the module loads. */
export function counter(name: CounterName): number {
  return COLUMN.get(name)!;
}

const BACKEND_RESPONSES = counter("responses_backend_1xx");
const GATEWAY_RESPONSES = counter("responses_gateway_1xx");

export interface MetricsTableMemory {
  readonly buffer: SharedArrayBuffer;
  readonly workers: number;
}

export interface Histogram {
  /** Observations in each bucket, not cumulated; the last one is above every bound. */
  readonly buckets: readonly number[];
  /** Seconds. */
  readonly sum: number;
}

export class MetricsTable {
  readonly #all: Float64Array;
  readonly #own: Float64Array;
  readonly #gauges: Float64Array;
  readonly #rows: number;

  static reserve(options: { workers: number }): MetricsTableMemory {
    const elements = (options.workers + 1) * ROW + GAUGES.length;
    return { buffer: new SharedArrayBuffer(elements * 8), workers: options.workers };
  }

  /** `worker`: this thread's row, 0 to `workers` - 1. Without it, the main thread's. */
  constructor(memory: MetricsTableMemory, worker: number = memory.workers) {
    this.#rows = memory.workers + 1;
    this.#all = new Float64Array(memory.buffer, 0, this.#rows * ROW);
    this.#own = this.#all.subarray(worker * ROW, (worker + 1) * ROW);
    this.#gauges = new Float64Array(memory.buffer, this.#rows * ROW * 8);
  }

  // Hot path: each is a few plain stores to memory that no other thread writes.

  /** `column` from `counter()`. */
  add(column: number, amount = 1): void {
    this.#own[column]! += amount;
  }

  /** An answer that is on its way to the client. `status` 100 to 599; others count as 5xx. */
  response(origin: "backend" | "gateway", status: number): void {
    const kind = status >= 100 && status < 600 ? Math.trunc(status / 100) - 1 : 4;
    this.#own[(origin === "backend" ? BACKEND_RESPONSES : GATEWAY_RESPONSES) + kind]!++;
  }

  began(): void {
    this.#own[IN_FLIGHT]!++;
  }

  ended(): void {
    this.#own[IN_FLIGHT]!--;
  }

  observe(histogram: HistogramName, seconds: number): void {
    const start = histogram === "request" ? HISTOGRAMS_AT : HISTOGRAMS_AT + HISTOGRAM;
    let bucket = 0;
    // Most answers take a millisecond or less, so a plain search ends after a few steps.
    while (bucket < BOUNDS.length && seconds > BOUNDS[bucket]!) bucket++;
    this.#own[start + bucket]!++;
    this.#own[start + SUM]! += seconds;
  }

  // Main thread only.

  set(name: GaugeName, value: number): void {
    this.#gauges[GAUGE.get(name)!] = value;
  }

  /** After a worker died: its requests in flight are gone; what it counted stays. */
  clearWorker(row: number): void {
    this.#all[row * ROW + IN_FLIGHT] = 0;
  }

  // Any thread.

  total(name: CounterName): number {
    return this.#sum(counter(name));
  }

  gauge(name: GaugeName): number {
    return this.#gauges[GAUGE.get(name)!]!;
  }

  inFlight(): number {
    return this.#sum(IN_FLIGHT);
  }

  histogram(name: HistogramName): Histogram {
    const start = HISTOGRAMS_AT + HISTOGRAMS.indexOf(name) * HISTOGRAM;
    const buckets = Array.from({ length: BOUNDS.length + 1 }, (_, at) => this.#sum(start + at));
    return { buckets, sum: this.#sum(start + SUM) };
  }

  #sum(column: number): number {
    let total = 0;
    for (let row = 0; row < this.#rows; row++) total += this.#all[row * ROW + column]!;
    return total;
  }
}
