// Counters of the whole process in one SharedArrayBuffer: a row of Float64 for each worker and one
// for the main thread. A row has a single writer, so counting is a plain `++`; readers add the rows
// up. An aligned 8-byte access does not tear on the 64-bit machines Bun runs on.
// Always holds: a counter never falls; what a dead worker counted stays.

import {
  type CounterName,
  COUNTERS,
  DECISIONS,
  type DecisionName,
  GAUGES,
  type GaugeName,
  METHOD_CLASSES,
  METHODS,
  STATUS_CLASSES,
  UNREAD_STATUSES,
} from "./metric-columns.ts";

/** Upper bounds of the latency buckets, in seconds; one more bucket holds all that is above. */
export const DURATION_BOUNDS: readonly number[] = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
  10, 30, 60,
];
/** Of what the gateway needs itself. */
const OWN_BOUNDS: readonly number[] = [
  0.000_005, 0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01,
  0.1, 1,
];

/**
 * `request`: all of it, to the end of the answer's body. `upstream`: to the backend's headers.
 * `own`: from the request until it is sent to a backend or answered here.
 */
export type HistogramName = "request" | "upstream" | "own";
const BOUNDS: Readonly<Record<HistogramName, Float64Array>> = {
  request: Float64Array.from(DURATION_BOUNDS),
  upstream: Float64Array.from(DURATION_BOUNDS),
  own: Float64Array.from(OWN_BOUNDS),
};

// A row: counters, then histograms (a count for each bucket, one for what is above, and the sum in
// seconds), then the requests in flight, then requests by decision, method and status class; padded
// to its own cache lines.
const REQUEST_AT = COUNTERS.length;
const UPSTREAM_AT = REQUEST_AT + BOUNDS.request.length + 2;
const OWN_AT = UPSTREAM_AT + BOUNDS.upstream.length + 2;
const AT: Readonly<Record<HistogramName, number>> = {
  request: REQUEST_AT,
  upstream: UPSTREAM_AT,
  own: OWN_AT,
};
const IN_FLIGHT = OWN_AT + BOUNDS.own.length + 2;
const ANSWERS_AT = IN_FLIGHT + 1;
const ANSWERS = DECISIONS.length * METHOD_CLASSES.length * STATUS_CLASSES.length;
const ROW = Math.ceil((ANSWERS_AT + ANSWERS) / 16) * 16;

const METHOD = new Map<string, number>(METHODS.map((name, index) => [name, index]));

const COLUMN = new Map<CounterName, number>(COUNTERS.map((name, column) => [name, column]));
const GAUGE = new Map<GaugeName, number>(GAUGES.map((name, column) => [name, column]));

/** Column of a counter, for `add`: look it up once, when the module loads. */
export function counter(name: CounterName): number {
  return COLUMN.get(name)!;
}

/** The answers to requests of that decision, for `answer`: as `counter`. */
export function answersTo(decision: DecisionName): number {
  return DECISIONS.indexOf(decision);
}

const UNREAD = new Map<number, number>(
  UNREAD_STATUSES.map((status) => [status, counter(`unread_${status}`)]),
);
const UNREAD_OTHER = counter("unread_other");
const BACKEND_RESPONSES = counter("responses_backend_1xx");
const GATEWAY_RESPONSES = counter("responses_gateway_1xx");

export interface MetricsTableMemory {
  readonly buffer: SharedArrayBuffer;
  readonly workers: number;
}

export interface Histogram {
  /** Upper bounds of the buckets but the last, in seconds. */
  readonly bounds: readonly number[];
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
    const first = origin === "backend" ? BACKEND_RESPONSES : GATEWAY_RESPONSES;
    this.#own[first + statusClass(status)]!++;
  }

  /** What came was no request that could be served. */
  unread(status: number): void {
    this.#own[UNREAD.get(status) ?? UNREAD_OTHER]!++;
  }

  /** The same answer, by what was decided about its request (`answersTo`), and by method. */
  answer(decision: number, method: string, status: number): void {
    const methodClass = METHOD.get(method) ?? METHODS.length;
    this.#own[answerColumn(decision, methodClass, statusClass(status))]!++;
  }

  began(): void {
    this.#own[IN_FLIGHT]!++;
  }

  ended(): void {
    this.#own[IN_FLIGHT]!--;
  }

  observe(histogram: HistogramName, seconds: number): void {
    const start = AT[histogram];
    const bounds = BOUNDS[histogram];
    let bucket = 0;
    // Most answers take a millisecond or less, so a plain search ends after a few steps.
    while (bucket < bounds.length && seconds > bounds[bucket]!) bucket++;
    this.#own[start + bucket]!++;
    this.#own[start + bounds.length + 1]! += seconds;
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

  /** Answers by indices into DECISIONS, METHOD_CLASSES and STATUS_CLASSES. */
  answers(decision: number, methodClass: number, statusClass: number): number {
    return this.#sum(answerColumn(decision, methodClass, statusClass));
  }

  histogram(name: HistogramName): Histogram {
    const start = AT[name];
    const bounds = [...BOUNDS[name]];
    const buckets = Array.from({ length: bounds.length + 1 }, (_, at) => this.#sum(start + at));
    return { bounds, buckets, sum: this.#sum(start + bounds.length + 1) };
  }

  #sum(column: number): number {
    let total = 0;
    for (let row = 0; row < this.#rows; row++) total += this.#all[row * ROW + column]!;
    return total;
  }
}

function answerColumn(decision: number, methodClass: number, status: number): number {
  return (
    ANSWERS_AT + (decision * METHOD_CLASSES.length + methodClass) * STATUS_CLASSES.length + status
  );
}

function statusClass(status: number): number {
  return status >= 100 && status < 600 ? Math.trunc(status / 100) - 1 : 4;
}
