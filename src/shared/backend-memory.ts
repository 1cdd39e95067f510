// Where everything about backends lies in one SharedArrayBuffer. Only offsets; `backend-table.ts`
// and `backend-record.ts` read and write. Slot = number of a backend, row = number of a worker.
//
//   rotation      see rotation.ts
//   records       one a slot, RECORD_BYTES apart; fields below
//   rows          one a worker: in flight Int32[slots], requests Float64[slots], failures
//                 Float64[slots]; written by that worker alone, so no atomics; read by all.
//                 An aligned 8-byte access does not tear on the 64-bit machines Bun runs on.

import { ROTATION_BYTES } from "./rotation.ts";

export interface BackendTableMemory {
  readonly buffer: SharedArrayBuffer;
  readonly workers: number;
  readonly maxBackends: number;
  /** Failures in a row that make a healthy backend unhealthy. */
  readonly fall: number;
}

/** Int32 fields of a record, in words from its start. "main" writes unless said otherwise. */
export const FIELD = {
  /** Odd while the URL is being written; grows by 2 with each new URL in this slot. */
  generation: 0,
  /** 1 while the slot holds a backend of the present configuration. */
  configured: 1,
  /** 1 healthy, 0 not. Main sets both ways; any worker may swap 1 to 0. */
  healthy: 2,
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
} as const;

export const MAX_URL_BYTES = 512;
export const MAX_DETAIL_BYTES = 256;
export const URL_OFFSET = 128;
export const DETAIL_OFFSET = URL_OFFSET + MAX_URL_BYTES;
export const RECORD_BYTES = DETAIL_OFFSET + MAX_DETAIL_BYTES;

const RECORDS_AT = align(ROTATION_BYTES);

/** All offsets of one table, in bytes. */
export interface BackendLayout {
  readonly records: number;
  readonly rows: number;
  readonly rowBytes: number;
  readonly total: number;
}

export function backendLayout(workers: number, maxBackends: number): BackendLayout {
  const rows = RECORDS_AT + maxBackends * RECORD_BYTES;
  const rowBytes = align(maxBackends * 4) + align(maxBackends * 8) * 2;
  return { records: RECORDS_AT, rows, rowBytes, total: rows + workers * rowBytes };
}

/** One worker's counters, one element a slot. */
export interface BackendRow {
  readonly inFlight: Int32Array;
  readonly requests: Float64Array;
  readonly failures: Float64Array;
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
    };
  });
}

/** To 128 bytes: a cache line and the neighbour that is prefetched with it. */
function align(bytes: number): number {
  return Math.ceil(bytes / 128) * 128;
}
