// Bucket states of many clients packed into bytes, as a row of `bucket_journal` holds them. Little
// endian. Whatever was damaged is recognised as a whole: there are no half-believed entries.
//
// byte  type  field
//  0    u32   format, FORMAT
//  4    u32   entries
//  8    u32   CRC-32 of all that follows
// 12          the entries, each: u8 length of the id, the id, u32 slot in the table that it was
//             written from, f64 version, f64 tokens

import { type ClientTable } from "../../shared/client-table.ts";
import { MAX_CLIENT_ID_LENGTH } from "../../shared/clients.ts";

/** "GBJ1" */
const FORMAT = 0x314a4247;
const HEADER_BYTES = 12;
const NUMBERS_BYTES = 20;

/** Filled slot by slot, written, cleared and filled again: nothing is allocated for an entry. */
export class PackedBuckets {
  readonly #buffer: Uint8Array;
  readonly #view: DataView;
  #entries = 0;
  #length = HEADER_BYTES;

  constructor(maxEntries: number) {
    const longest = 1 + MAX_CLIENT_ID_LENGTH + NUMBERS_BYTES;
    this.#buffer = new Uint8Array(HEADER_BYTES + maxEntries * longest);
    this.#view = new DataView(this.#buffer.buffer);
  }

  get entries(): number {
    return this.#entries;
  }

  clear(): void {
    this.#entries = 0;
    this.#length = HEADER_BYTES;
  }

  /** The id is copied from the table as bytes: making a string of it takes longer than all else. */
  add(table: ClientTable, slot: number, version: number, tokens: number): void {
    const length = table.copyId(slot, this.#buffer, this.#length + 1);
    this.#buffer[this.#length] = length;
    const numbers = this.#length + 1 + length;
    this.#view.setUint32(numbers, slot, true);
    this.#view.setFloat64(numbers + 4, version, true);
    this.#view.setFloat64(numbers + 12, tokens, true);
    this.#length = numbers + NUMBERS_BYTES;
    this.#entries += 1;
  }

  /** Valid until the next change. */
  bytes(): Uint8Array {
    const packed = this.#buffer.subarray(0, this.#length);
    this.#view.setUint32(0, FORMAT, true);
    this.#view.setUint32(4, this.#entries, true);
    this.#view.setUint32(8, Bun.hash.crc32(packed.subarray(HEADER_BYTES)), true);
    return packed;
  }
}

/** Goes through packed buckets, entry by entry; nothing is allocated for an entry. */
export class UnpackedBuckets {
  /** All of it; the current entry's id is from `idStart` to `idEnd`. */
  readonly bytes: Uint8Array;
  idStart = 0;
  idEnd = 0;
  readonly #view: DataView;
  #next = HEADER_BYTES;

  private constructor(bytes: Uint8Array, view: DataView) {
    this.bytes = bytes;
    this.#view = view;
  }

  /** Null when these are no intact packed buckets, or no bytes at all. */
  static of(bytes: unknown): UnpackedBuckets | null {
    if (!(bytes instanceof Uint8Array)) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return isIntact(bytes, view) ? new UnpackedBuckets(bytes, view) : null;
  }

  /** Moves to the next entry, at first to the first one. False when there is none. */
  next(): boolean {
    if (this.#next >= this.bytes.length) return false;
    this.idStart = this.#next + 1;
    this.idEnd = this.idStart + this.bytes[this.#next]!;
    this.#next = this.idEnd + NUMBERS_BYTES;
    return true;
  }

  get clientId(): string {
    return Buffer.from(this.bytes.subarray(this.idStart, this.idEnd)).toString("latin1");
  }

  /** Of the table that it was written from. */
  get slot(): number {
    return this.#view.getUint32(this.idEnd, true);
  }

  get version(): number {
    return this.#view.getFloat64(this.idEnd + 4, true);
  }

  get tokens(): number {
    return this.#view.getFloat64(this.idEnd + 12, true);
  }
}

function isIntact(packed: Uint8Array, view: DataView): boolean {
  if (packed.length < HEADER_BYTES || view.getUint32(0, true) !== FORMAT) return false;
  if (view.getUint32(8, true) !== Bun.hash.crc32(packed.subarray(HEADER_BYTES))) return false;
  let entries = 0;
  let at = HEADER_BYTES;
  for (; at < packed.length; entries++) at += 1 + packed[at]! + NUMBERS_BYTES;
  return at === packed.length && entries === view.getUint32(4, true);
}
