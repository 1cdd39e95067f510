// Where the parts of a message's body are among the bytes that come, and where it ends: by its length,
// in the chunked coding, or not before the connection does. Owned by one message at a time, used again
// for the next. Always holds: no byte behind the body's end is taken.

import { CHUNK_DATA, CHUNK_FAULT, CHUNK_MORE, ChunkedDecoder } from "./chunked.ts";
import { CHUNKED, UNTIL_CLOSE } from "./message-length.ts";

/** Nothing more to do until more bytes come. */
export const BODY_MORE = 0;
/** `start` to `end` are bytes of the body, perhaps none; its last, if `complete`. Else call again. */
export const BODY_PART = 1;
/** The message cannot go on; `fault` says why. */
export const BODY_FAULT = 2;

export class BodyDecoder {
  /** Where decoding goes on; set by the caller for every new piece. */
  next = 0;
  start = 0;
  end = 0;
  complete = true;
  /** Why the body cannot be read on; empty while it can. */
  fault = "";
  /** Bytes still to come of a stated length, or CHUNKED, UNTIL_CLOSE. */
  #left = 0;
  #chunks: ChunkedDecoder | null = null;

  /** For a body of so many bytes, or CHUNKED, UNTIL_CLOSE. */
  reset(length: number): void {
    this.complete = false;
    this.fault = "";
    this.#left = length;
    if (length !== CHUNKED) return;
    this.#chunks ??= new ChunkedDecoder();
    this.#chunks.reset();
  }

  /** Bytes still to come; Infinity when nobody knows. */
  get left(): number {
    if (this.complete) return 0;
    return this.#left < 0 ? Infinity : this.#left;
  }
  get untilClose(): boolean {
    return this.#left === UNTIL_CLOSE;
  }
  /** Bytes of the body that were announced so far. */
  get announced(): number {
    return this.#left === CHUNKED ? this.#chunks!.announced : 0;
  }

  /** Looks at bytes from `next` to `to`. */
  decode(bytes: Buffer, to: number): number {
    if (this.#left === CHUNKED) return this.#decodeChunks(bytes, to);
    const from = this.next;
    // A body of no bytes is one part, and complete with it.
    if (from === to && this.#left !== 0) return BODY_MORE;
    const end = this.#left < 0 ? to : from + Math.min(to - from, this.#left);
    if (this.#left >= 0) {
      this.#left -= end - from;
      this.complete = this.#left === 0;
    }
    return this.#part(from, end, end);
  }

  #decodeChunks(bytes: Buffer, to: number): number {
    const chunks = this.#chunks!;
    chunks.next = this.next;
    const result = chunks.decode(bytes, to);
    this.next = chunks.next;
    if (result === CHUNK_MORE) return BODY_MORE;
    if (result === CHUNK_FAULT) {
      this.fault = chunks.fault;
      return BODY_FAULT;
    }
    if (result === CHUNK_DATA) {
      this.complete = chunks.takeEnd(bytes, to);
      return this.#part(chunks.dataStart, chunks.dataEnd, chunks.next);
    }
    this.complete = true;
    return this.#part(to, to, chunks.next);
  }

  #part(start: number, end: number, next: number): number {
    this.start = start;
    this.end = end;
    this.next = next;
    return BODY_PART;
  }
}
