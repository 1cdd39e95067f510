// The texts and times of each backend in shared memory: its URL and its last check. The main thread
// writes, any thread reads. Both are guarded by a sequence number that is odd during a write, so a
// reader never sees half of one. The hot flags and counts are in backend-table.ts.

import { backendId } from "./backend-id.ts";
import {
  backendLayout,
  type BackendTableMemory,
  DETAIL_OFFSET,
  FIELD,
  MAX_DETAIL_BYTES,
  MAX_URL_BYTES,
  NUMBER,
  RECORD_BYTES,
  URL_OFFSET,
} from "./backend-memory.ts";

/** The outcome of one active health check. */
export interface HealthCheck {
  /** Wall clock, ms since 1970, when it ended. */
  readonly atMs: number;
  readonly ok: boolean;
  readonly durationMs: number;
  /** For people: `200`, `connection refused`. Cut at 256 bytes. */
  readonly detail: string;
}

export class BackendRecords {
  readonly #bytes: Uint8Array;
  readonly #ints: Int32Array;
  readonly #numbers: Float64Array;
  readonly #decoder = new TextDecoder();
  readonly #encoder = new TextEncoder();
  readonly #urls: string[];
  readonly #ids: string[];
  readonly #generations: Int32Array;

  constructor(memory: BackendTableMemory) {
    const { records } = backendLayout(memory.workers, memory.maxBackends);
    const length = memory.maxBackends * RECORD_BYTES;
    this.#bytes = new Uint8Array(memory.buffer, records, length);
    this.#ints = new Int32Array(memory.buffer, records, length / 4);
    this.#numbers = new Float64Array(memory.buffer, records, length / 8);
    this.#urls = new Array<string>(memory.maxBackends).fill("");
    this.#ids = new Array<string>(memory.maxBackends).fill("");
    this.#generations = new Int32Array(memory.maxBackends).fill(-1);
  }

  /** The URL of a slot. Decoded once a thread and generation: a proxied request costs one load. */
  url(slot: number): string {
    const at = intsAt(slot) + FIELD.generation;
    while (Atomics.load(this.#ints, at) !== this.#generations[slot]) {
      const generation = Atomics.load(this.#ints, at);
      if (generation % 2 === 1) continue;
      this.#urls[slot] = this.#text(slot, URL_OFFSET, FIELD.urlLength);
      this.#ids[slot] = "";
      this.#generations[slot] = generation;
    }
    return this.#urls[slot]!;
  }

  /** See `backendId`. */
  id(slot: number): string {
    const url = this.url(slot);
    return (this.#ids[slot] ||= backendId(url));
  }

  writeUrl(slot: number, url: string): void {
    const at = intsAt(slot) + FIELD.generation;
    Atomics.add(this.#ints, at, 1);
    this.#write(slot, { offset: URL_OFFSET, room: MAX_URL_BYTES, length: FIELD.urlLength }, url);
    Atomics.add(this.#ints, at, 1);
  }

  /** Null before the first check. */
  lastCheck(slot: number): HealthCheck | null {
    const base = intsAt(slot);
    const numbers = numbersAt(slot);
    for (;;) {
      const sequence = Atomics.load(this.#ints, base + FIELD.checkSequence);
      if (sequence === 0) return null;
      if (sequence % 2 === 1) continue;
      const check = {
        atMs: this.#numbers[numbers + NUMBER.checkAt]!,
        ok: this.#ints[base + FIELD.checkOk] === 1,
        durationMs: this.#numbers[numbers + NUMBER.checkDurationMs]!,
        detail: this.#text(slot, DETAIL_OFFSET, FIELD.checkDetailLength),
      };
      if (Atomics.load(this.#ints, base + FIELD.checkSequence) !== sequence) continue;
      return Number.isNaN(check.atMs) ? null : check;
    }
  }

  /** Forgets the last check: the slot gets a new backend. */
  clearCheck(slot: number): void {
    this.writeCheck(slot, { atMs: Number.NaN, ok: false, durationMs: 0, detail: "" });
  }

  writeCheck(slot: number, check: HealthCheck): void {
    const at = intsAt(slot) + FIELD.checkSequence;
    Atomics.add(this.#ints, at, 1);
    this.#ints[intsAt(slot) + FIELD.checkOk] = check.ok ? 1 : 0;
    this.#numbers[numbersAt(slot) + NUMBER.checkAt] = check.atMs;
    this.#numbers[numbersAt(slot) + NUMBER.checkDurationMs] = check.durationMs;
    const field = {
      offset: DETAIL_OFFSET,
      room: MAX_DETAIL_BYTES,
      length: FIELD.checkDetailLength,
    };
    this.#write(slot, field, check.detail);
    Atomics.add(this.#ints, at, 1);
  }

  number(slot: number, field: number): number {
    return this.#numbers[numbersAt(slot) + field]!;
  }

  writeNumber(slot: number, field: number, value: number): void {
    this.#numbers[numbersAt(slot) + field] = value;
  }

  #text(slot: number, offset: number, lengthField: number): string {
    const start = slot * RECORD_BYTES + offset;
    const length = this.#ints[intsAt(slot) + lengthField]!;
    // slice() copies out of the shared memory, which TextDecoder does not take.
    return this.#decoder.decode(this.#bytes.slice(start, start + length));
  }

  #write(
    slot: number,
    field: { offset: number; room: number; length: number },
    text: string,
  ): void {
    const start = slot * RECORD_BYTES + field.offset;
    // encodeInto() cuts between characters, so what is cut still decodes; it refuses shared memory.
    const encoded = new Uint8Array(field.room);
    const { written } = this.#encoder.encodeInto(text, encoded);
    this.#bytes.set(encoded.subarray(0, written), start);
    this.#ints[intsAt(slot) + field.length] = written;
  }
}

export function intsAt(slot: number): number {
  return (slot * RECORD_BYTES) / 4;
}

function numbersAt(slot: number): number {
  return (slot * RECORD_BYTES) / 8;
}
