// Where everything about backends lies in one SharedArrayBuffer. Only offsets; `backend-table.ts`
// and `backend-record.ts` read and write. Slot = number of a backend, row = number of a worker.
//
//   rotation      see rotation.ts
//   header        word 0: grows with each change of who may be picked, or of a weight; main writes
//   records       one a slot, RECORD_BYTES apart; fields below
//   places        one line a slot: word 0 is what all workers have in flight there; all add
//   rows          one a worker: in flight Int32[slots]; requests, failures and retries
//                 Float64[slots] each; written by that worker alone, so no atomics; read by all.
//                 An aligned 8-byte access does not tear on the 64-bit machines Bun runs on.

import type { BalancerName } from "./balancing/balancer.ts";
import { ROTATION_BYTES } from "./rotation.ts";

export interface BackendTableMemory {
  readonly buffer: SharedArrayBuffer;
  readonly workers: number;
  readonly maxBackends: number;
  /** Failures in a row that make a healthy backend unhealthy. */
  readonly fall: number;
  /** Failures in a row, of any kind, after which the main thread looks; 0: it never does. */
  readonly ejectAfter: number;
  readonly balancer: BalancerName;
}

/** Why a backend gets no requests: the bits of `FIELD.barred`. None: it is open. */
export const BAR = {
  /** The active checks or failures to connect say that it is down. */
  unhealthy: 1,
  /** Its answers were failures, so it pauses. */
  ejected: 2,
  /** Somebody wants it to run empty. */
  draining: 4,
  /** Its name leads to an address that is not allowed. */
  forbidden: 8,
} as const;

/** Int32 fields of a record, in words from its start. "main" writes unless said otherwise. */
export const FIELD = {
  /** Odd while the URL is being written; grows by 2 with each new URL in this slot. */
  generation: 0,
  /** 1 while the slot holds a backend of the present configuration. */
  configured: 1,
  /** BAR bits. Main sets and clears all; any worker may set `unhealthy`. */
  barred: 2,
  weight: 3,
  /** Connection failures in a row, seen while forwarding. Workers add, workers and main clear. */
  connectionFailures: 4,
  /** Active checks failed in a row. */
  checkFailures: 5,
  /** Changes between healthy and unhealthy. Workers and main add. */
  flips: 6,
  urlLength: 7,
  /** Odd while the last check's fields are being written; 0 before the first check. */
  checkSequence: 8,
  checkOk: 9,
  checkDetailLength: 10,
  /** Percent of its weight that counts now: 100, or less while it starts slowly. */
  share: 11,
  /** Most requests in flight; 0 is no limit. */
  maxInFlight: 12,
  /** Tries in a row that brought no answer or 502 to 504. Workers add; workers and main set. */
  outliers: 13,
  /** How often it was ejected. */
  ejections: 14,
  /** Grows when connections made before should not be used again. */
  epoch: 15,
  /** Answers in a row that the backend broke off. As `outliers`; behind the numbers. */
  broken: 30,
} as const;

/** Float64 fields of a record, in 8-byte words from its start. Main writes. */
export const NUMBER = {
  /** Wall clock, ms since 1970, of the last check's end. */
  checkAt: 8,
  checkDurationMs: 9,
  /** Wall clock, ms since 1970, of the last flip. */
  since: 10,
  /** Totals of the rows when this slot got its backend: what an earlier one left behind. */
  requestsBefore: 11,
  failuresBefore: 12,
  /** Wall clock, ms since 1970: the earliest return of an ejected backend. */
  ejectedUntil: 13,
  /** As `requestsBefore`. */
  retriesBefore: 14,
} as const;

export const MAX_URL_BYTES = 512;
export const MAX_DETAIL_BYTES = 256;
export const URL_OFFSET = 128;
export const DETAIL_OFFSET = URL_OFFSET + MAX_URL_BYTES;
export const RECORD_BYTES = DETAIL_OFFSET + MAX_DETAIL_BYTES;

/** A cache line and the neighbour that is prefetched with it. */
const LINE_BYTES = 128;
const HEADER_AT = align(ROTATION_BYTES);
const RECORDS_AT = HEADER_AT + LINE_BYTES;

/** All offsets of one table, in bytes. */
export interface BackendLayout {
  readonly header: number;
  readonly records: number;
  readonly places: number;
  readonly rows: number;
  readonly rowBytes: number;
  readonly total: number;
}

export function backendLayout(workers: number, maxBackends: number): BackendLayout {
  const places = RECORDS_AT + maxBackends * RECORD_BYTES;
  const rows = places + maxBackends * LINE_BYTES;
  const rowBytes = align(maxBackends * 4) + align(maxBackends * 8) * 3;
  const total = rows + workers * rowBytes;
  return { header: HEADER_AT, records: RECORDS_AT, places, rows, rowBytes, total };
}

/** One worker's counters, one element a slot. */
export interface BackendRow {
  readonly inFlight: Int32Array;
  readonly requests: Float64Array;
  readonly failures: Float64Array;
  /** Requests that came after another backend had failed. */
  readonly retries: Float64Array;
}

export function backendRows(memory: BackendTableMemory): BackendRow[] {
  const { buffer, workers, maxBackends } = memory;
  const { rows, rowBytes } = backendLayout(workers, maxBackends);
  return Array.from({ length: workers }, (_, row) => {
    const start = rows + row * rowBytes;
    const requests = start + align(maxBackends * 4);
    const failures = requests + align(maxBackends * 8);
    return {
      inFlight: new Int32Array(buffer, start, maxBackends),
      requests: new Float64Array(buffer, requests, maxBackends),
      failures: new Float64Array(buffer, failures, maxBackends),
      retries: new Float64Array(buffer, failures + align(maxBackends * 8), maxBackends),
    };
  });
}

function align(bytes: number): number {
  return Math.ceil(bytes / LINE_BYTES) * LINE_BYTES;
}
