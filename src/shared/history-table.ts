// The traffic of the last 15 minutes, second by second, in one SharedArrayBuffer. The main thread
// writes a sample each second; any thread reads, so whoever opens the dashboard sees the history at
// once. Layout: Int32 number of samples ever written, then rows of Float64 in the order of `Sample`.
// Always holds: a row is complete before the count includes it, and rows that are read are never
// written again meanwhile, because the ring has some more rows than are ever handed out.

/** Samples that are handed out at most: 15 minutes of seconds. */
export const HISTORY = 900;
const ROWS = HISTORY + 124;
const HEADER_BYTES = 64;
const COLUMNS = 8;

export interface Sample {
  /** Wall clock, seconds since 1970, when the sample was taken. */
  readonly at: number;
  /** Requests a second that were let through to a backend. */
  readonly admitted: number;
  /** Requests a second that found no token: 429. */
  readonly limited: number;
  /** Requests a second refused for another reason: 401, or before a bucket was asked. */
  readonly refused: number;
  /** Answers a second with a status of 500 and above, whoever made them. */
  readonly failed: number;
  /** Until a backend's answer began, milliseconds; NaN when no answer came in this second. */
  readonly p50: number;
  readonly p99: number;
  /** Requests in flight at that moment. */
  readonly inFlight: number;
}

export type HistoryTableMemory = SharedArrayBuffer;

export class HistoryTable {
  readonly #header: Int32Array;
  readonly #rows: Float64Array;

  static reserve(): HistoryTableMemory {
    return new SharedArrayBuffer(HEADER_BYTES + ROWS * COLUMNS * 8);
  }

  constructor(memory: HistoryTableMemory) {
    this.#header = new Int32Array(memory, 0, 1);
    this.#rows = new Float64Array(memory, HEADER_BYTES);
  }

  /** Samples written so far: the number of the next one. */
  get written(): number {
    return Atomics.load(this.#header, 0);
  }

  /** Main thread only. */
  write(sample: Sample): void {
    const { at, admitted, limited, refused, failed, p50, p99, inFlight } = sample;
    const row = (this.written % ROWS) * COLUMNS;
    this.#rows.set([at, admitted, limited, refused, failed, p50, p99, inFlight], row);
    Atomics.add(this.#header, 0, 1);
  }

  /** The samples from number `first` on, oldest first; those that are too old are left out. */
  since(first: number): Sample[] {
    const end = this.written;
    const samples: Sample[] = [];
    for (let number = Math.max(first, end - HISTORY, 0); number < end; number++) {
      samples.push(this.#read((number % ROWS) * COLUMNS));
    }
    return samples;
  }

  #read(row: number): Sample {
    const column = (offset: number): number => this.#rows[row + offset]!;
    return {
      at: column(0),
      admitted: column(1),
      limited: column(2),
      refused: column(3),
      failed: column(4),
      p50: column(5),
      p99: column(6),
      inFlight: column(7),
    };
  }
}
