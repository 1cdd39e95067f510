// The body of the request that a connection is at: takes raw bytes, undoes the framing, hands the body
// to whoever asked for it, and stops when that one cannot take more. Written by the connection.
// Always holds: no byte behind the body's end is taken, and none is handed out while paused.

import { CHUNK_DATA, CHUNK_DONE, CHUNK_FAULT, CHUNK_MORE, ChunkedDecoder } from "./chunked.ts";
import { CHUNKED } from "./message-length.ts";

export interface BodyConsumer {
  /**
   * Bytes of the body, which do not change afterwards and may be kept; `last` when it ends with them.
   * The end may come alone, with no bytes.
   */
  onBody(bytes: Buffer, start: number, end: number, last: boolean): void;
  /** All of these bytes was handed out, and they are the consumer's now. */
  onBodyRead?(bytes: Buffer): void;
  /** Of what was handed out nothing is kept any more: when the exchange is over, others may use it. */
  readonly keepsNothing?: boolean;
  /** It gets larger than was allowed, and no more of it comes. Only where a limit was given. */
  onTooLarge?(): void;
}

export class RequestBody {
  complete = true;
  paused = false;
  consumer: BodyConsumer | null = null;
  /** The exchange is over: what is left is taken and thrown away. */
  discarding = false;
  /** Bytes that it may have; more are not waited for, their announcement is enough. */
  most = Infinity;
  /** Bytes taken so far, framing included. */
  taken = 0;
  /** Why the body cannot be read on; empty while it can. */
  fault = "";
  #chunked = false;
  #left = 0;
  #decoder: ChunkedDecoder | null = null;

  reset(length: number): void {
    this.complete = length === 0;
    this.paused = this.discarding = false;
    this.consumer = null;
    this.most = Infinity;
    this.taken = 0;
    this.fault = "";
    this.#chunked = length === CHUNKED;
    this.#left = length;
    if (!this.#chunked) return;
    this.#decoder ??= new ChunkedDecoder();
    this.#decoder.reset();
  }

  /** Whether bytes of the body are being waited for. */
  get wanted(): boolean {
    return !this.complete && !this.paused && (this.consumer !== null || this.discarding);
  }

  /** Bytes still to come; Infinity when nobody knows. */
  get left(): number {
    if (this.complete) return 0;
    return this.#chunked ? Infinity : this.#left;
  }

  /** Whether nobody has asked for it, and it is `available` bytes or less: then it is complete now. */
  takeWhole(available: number): boolean {
    const untouched = this.consumer === null && !this.discarding && this.taken === 0;
    if (this.complete || this.#chunked || !untouched || this.#left > available) return false;
    this.complete = true;
    this.taken = this.#left;
    return true;
  }

  /** Takes what it can of [from, to); the first byte it did not take. */
  feed(bytes: Buffer, from: number, to: number): number {
    const next = this.#chunked
      ? this.#feedChunks(bytes, from, to)
      : this.#feedPlain(bytes, from, to);
    this.taken += next - from;
    return next;
  }

  #feedPlain(bytes: Buffer, from: number, to: number): number {
    const end = from + Math.min(to - from, this.#left);
    this.#left -= end - from;
    if (this.#left === 0) this.complete = true;
    this.consumer?.onBody(bytes, from, end, this.complete);
    return end;
  }

  #feedChunks(bytes: Buffer, from: number, to: number): number {
    const decoder = this.#decoder!;
    decoder.next = from;
    while (this.wanted) {
      const result = decoder.decode(bytes, to);
      if (decoder.announced > this.most && this.consumer !== null) return this.#tooLarge(to);
      if (result === CHUNK_DATA) {
        this.complete = decoder.takeEnd(bytes, to);
        this.consumer?.onBody(bytes, decoder.dataStart, decoder.dataEnd, this.complete);
        continue;
      }
      if (result === CHUNK_FAULT) this.fault = decoder.fault;
      if (result === CHUNK_DONE) {
        this.complete = true;
        this.consumer?.onBody(bytes, to, to, true);
      }
      if (result !== CHUNK_MORE) break;
      return to;
    }
    return decoder.next;
  }

  #tooLarge(to: number): number {
    const { consumer } = this;
    this.consumer = null;
    consumer?.onTooLarge?.();
    return to;
  }
}
