// The body of the request that a connection is at: takes raw bytes, hands the body to whoever asked for
// it, and stops when that one cannot take more. Written by the connection.
// Always holds: none is handed out while paused.

import { BODY_FAULT, BODY_MORE, BodyDecoder } from "./body-decoder.ts";

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
  readonly #decoder = new BodyDecoder();

  reset(length: number): void {
    this.complete = length === 0;
    this.paused = this.discarding = false;
    this.consumer = null;
    this.most = Infinity;
    this.taken = 0;
    this.#decoder.reset(length);
  }

  /** Why the body cannot be read on; empty while it can. */
  get fault(): string {
    return this.#decoder.fault;
  }

  /** Whether bytes of the body are being waited for. */
  get wanted(): boolean {
    return !this.complete && !this.paused && (this.consumer !== null || this.discarding);
  }

  /** Bytes still to come; Infinity when nobody knows. */
  get left(): number {
    return this.complete ? 0 : this.#decoder.left;
  }

  /** Whether nobody has asked for it, and it is `available` bytes or less: then it is complete now. */
  takeWhole(available: number): boolean {
    const untouched = this.consumer === null && !this.discarding && this.taken === 0;
    const { left } = this;
    if (this.complete || !untouched || left > available) return false;
    this.complete = true;
    this.taken = left;
    return true;
  }

  /** Takes what it can of [from, to); the first byte it did not take. */
  feed(bytes: Buffer, from: number, to: number): number {
    const next = this.#feed(bytes, from, to);
    this.taken += next - from;
    return next;
  }

  #feed(bytes: Buffer, from: number, to: number): number {
    const decoder = this.#decoder;
    decoder.next = from;
    while (this.wanted) {
      const result = decoder.decode(bytes, to);
      if (decoder.announced > this.most && this.consumer !== null) return this.#tooLarge(to);
      if (result === BODY_FAULT) break;
      if (result === BODY_MORE) return to;
      const { start, end, complete } = decoder;
      this.complete = complete;
      this.consumer?.onBody(bytes, start, end, complete);
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
