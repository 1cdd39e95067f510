// Which backends there are, and what is known of each, as the main thread keeps it: gives slots to
// new ones, takes them from those that went, and shows all of them. Only the main thread changes the
// list; any thread may look. The table (backend-table.ts) adds the rotation and the hot path.
// Always holds: a configured slot has its URL, weight and starting totals in place.

import {
  BAR,
  backendLayout,
  type BackendRow,
  backendRows,
  type BackendTableMemory,
  FIELD,
  MAX_URL_BYTES,
  NUMBER,
  RECORD_BYTES,
} from "./backend-memory.ts";
import { type BackendRecords, type HealthCheck, intsAt } from "./backend-record.ts";

export interface Backend {
  /** Origin without a trailing slash. At most 512 bytes. */
  readonly url: string;
  /** Share of the traffic relative to the others. Integer, at least 1. */
  readonly weight: number;
  /** Most requests in flight over all workers, at least 1; null is no limit. Omitted: null. */
  readonly maxInFlight?: number | null;
  /** Takes no new requests. Omitted: false. */
  readonly draining?: boolean;
}

/** One backend, for people and metrics. */
export interface BackendView {
  readonly slot: number;
  /** Short and stable: follows from the URL. */
  readonly id: string;
  readonly url: string;
  readonly weight: number;
  /** Percent of the weight that counts now; below 100 while it starts slowly. */
  readonly share: number;
  readonly maxInFlight: number | null;
  /** It gets requests: healthy, and neither ejected nor draining nor forbidden. */
  readonly open: boolean;
  /** What checks and failures to connect say. */
  readonly healthy: boolean;
  readonly draining: boolean;
  /** Its name leads to an address that is not allowed. */
  readonly forbidden: boolean;
  /** Wall clock, ms since 1970, of its earliest return; null while it is not ejected. */
  readonly ejectedUntilMs: number | null;
  readonly ejections: number;
  /** Wall clock, ms since 1970, of the last change of `healthy`; 0 before the first one. */
  readonly sinceMs: number;
  /** Changes of `healthy`, the first one included. */
  readonly flips: number;
  readonly inFlight: number;
  readonly requests: number;
  /** Tries to forward that brought no answer, or one that broke off. */
  readonly failures: number;
  /** Requests that came here after another backend had failed. */
  readonly retries: number;
  readonly lastCheck: HealthCheck | null;
}

/** What a slot must forget of the backend it held before. */
const CLEARED = [
  FIELD.connectionFailures,
  FIELD.checkFailures,
  FIELD.flips,
  FIELD.outliers,
  FIELD.broken,
  FIELD.ejections,
];

export class BackendList {
  readonly #maxBackends: number;
  readonly #ints: Int32Array;
  readonly #rows: BackendRow[];
  readonly #records: BackendRecords;

  constructor(memory: BackendTableMemory, records: BackendRecords) {
    const { workers, maxBackends, buffer } = memory;
    const start = backendLayout(workers, maxBackends).records;
    this.#maxBackends = maxBackends;
    this.#ints = new Int32Array(buffer, start, (maxBackends * RECORD_BYTES) / 4);
    this.#rows = backendRows(memory);
    this.#records = records;
  }

  /** Every configured slot, ascending. */
  slots(): number[] {
    return this.#all().filter((slot) => this.#read(slot, FIELD.configured) === 1);
  }

  views(): BackendView[] {
    return this.slots().map((slot) => this.#view(slot));
  }

  /** See `BackendTable.setBackends`. What is removed is unhealthy from here on. */
  replace(backends: readonly Backend[]): void {
    this.#refuse(backends);
    const wanted = new Map(backends.map((backend) => [backend.url, backend]));
    for (const slot of this.slots()) {
      const url = this.#records.url(slot);
      const backend = wanted.get(url);
      if (backend === undefined) this.#remove(slot);
      else this.#set(slot, backend);
      wanted.delete(url);
    }
    for (const backend of wanted.values()) this.#place(backend);
  }

  #view(slot: number): BackendView {
    const before = (field: number): number => this.#records.number(slot, field);
    const barred = this.#read(slot, FIELD.barred);
    return {
      slot,
      id: this.#records.id(slot),
      url: this.#records.url(slot),
      weight: this.#read(slot, FIELD.weight),
      share: this.#read(slot, FIELD.share),
      maxInFlight: this.#read(slot, FIELD.maxInFlight) || null,
      open: barred === 0,
      healthy: (barred & BAR.unhealthy) === 0,
      draining: (barred & BAR.draining) !== 0,
      forbidden: (barred & BAR.forbidden) !== 0,
      ejectedUntilMs: barred & BAR.ejected ? before(NUMBER.ejectedUntil) : null,
      ejections: this.#read(slot, FIELD.ejections),
      sinceMs: this.#records.number(slot, NUMBER.since),
      flips: this.#read(slot, FIELD.flips),
      inFlight: this.#total(slot, "inFlight"),
      requests: this.#total(slot, "requests") - before(NUMBER.requestsBefore),
      failures: this.#total(slot, "failures") - before(NUMBER.failuresBefore),
      retries: this.#total(slot, "retries") - before(NUMBER.retriesBefore),
      lastCheck: this.#records.lastCheck(slot),
    };
  }

  #refuse(backends: readonly Backend[]): void {
    const max = this.#maxBackends;
    if (backends.length > max) throw new Error(`more than ${max} backends`);
    if (new Set(backends.map((backend) => backend.url)).size !== backends.length) {
      throw new Error("a backend URL is given twice");
    }
    const long = backends.find((backend) => Buffer.byteLength(backend.url) > MAX_URL_BYTES);
    if (long) throw new Error(`backend URL of more than ${MAX_URL_BYTES} bytes: ${long.url}`);
  }

  #remove(slot: number): void {
    this.#write(slot, FIELD.configured, 0);
    this.#write(slot, FIELD.barred, BAR.unhealthy);
  }

  #set(slot: number, { weight, maxInFlight, draining }: Backend): void {
    this.#write(slot, FIELD.weight, weight);
    this.#write(slot, FIELD.maxInFlight, maxInFlight ?? 0);
    const at = intsAt(slot) + FIELD.barred;
    if (draining) Atomics.or(this.#ints, at, BAR.draining);
    else Atomics.and(this.#ints, at, ~BAR.draining);
  }

  #place(backend: Backend): void {
    const slot = this.#freeSlot();
    this.#write(slot, FIELD.barred, BAR.unhealthy);
    for (const field of CLEARED) this.#write(slot, field, 0);
    this.#write(slot, FIELD.share, 100);
    this.#set(slot, backend);
    this.#records.writeUrl(slot, backend.url);
    this.#records.clearCheck(slot);
    this.#records.writeNumber(slot, NUMBER.since, 0);
    this.#records.writeNumber(slot, NUMBER.requestsBefore, this.#total(slot, "requests"));
    this.#records.writeNumber(slot, NUMBER.failuresBefore, this.#total(slot, "failures"));
    this.#records.writeNumber(slot, NUMBER.retriesBefore, this.#total(slot, "retries"));
    this.#write(slot, FIELD.configured, 1);
  }

  /** Prefers a slot with nothing in flight, so that old requests do not count for a new backend. */
  #freeSlot(): number {
    const free = this.#all().filter((slot) => this.#read(slot, FIELD.configured) === 0);
    return free.find((slot) => this.#total(slot, "inFlight") === 0) ?? free[0]!;
  }

  #total(slot: number, field: keyof BackendRow): number {
    let total = 0;
    for (const row of this.#rows) total += row[field][slot]!;
    return total;
  }

  #all(): number[] {
    return Array.from({ length: this.#maxBackends }, (_, slot) => slot);
  }

  #read(slot: number, field: number): number {
    return Atomics.load(this.#ints, intsAt(slot) + field);
  }

  #write(slot: number, field: number, value: number): void {
    Atomics.store(this.#ints, intsAt(slot) + field, value);
  }
}
