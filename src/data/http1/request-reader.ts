// What came from a client and is not taken yet, and what it is: the head of its next request, then that
// one's body. Written by its connection. Always holds: a piece of memory is given back only when
// nothing that was handed out of it is looked at any more.

import { pieces } from "../sockets/pieces.ts";
import { LF } from "./bytes.ts";
import { DONE, MORE } from "./fields.ts";
import { Incoming } from "./incoming.ts";
import type { RawListener } from "./raw-end.ts";
import { RequestBody } from "./request-body.ts";
import { type HeadLimits, RequestHead } from "./request-head.ts";

const NOTHING = Buffer.alloc(0);

export class RequestReader {
  readonly head = new RequestHead();
  readonly body = new RequestBody();
  /** The head was looked at and is incomplete. */
  partial = false;
  readonly #limits: HeadLimits;
  readonly #held = new Incoming();
  /** What part of the body was last handed out from. */
  #bodyIn: Buffer = NOTHING;
  /** Parts of these bytes may have been kept when their exchange was over. */
  #keptIn: Buffer = NOTHING;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /** Bytes that wait. */
  get size(): number {
    return this.#held.size;
  }

  /** Adds [0, end) of `bytes`, which are the reader's now. False: there is nothing new to be read. */
  add(bytes: Buffer, end: number): boolean {
    const { head } = this;
    const held = this.#held;
    const moved = held.add(bytes, end);
    if (!this.partial) return true;
    // Only a head that is still being read moves; a complete one stays where its bytes are.
    if (head.bytes !== held.bytes) head.rebase(held.bytes, moved);
    // A head that drips is looked at again when a line may have ended, not for every byte.
    const line = held.bytes.indexOf(LF, held.to - end);
    return held.size > this.#limits.head || (line >= 0 && line < held.to);
  }

  /** DONE, and `head` and `body` are the next request's; MORE; or the status that refuses it. */
  readHead(): number {
    const { head } = this;
    const held = this.#held;
    if (!this.partial) head.reset(held.from);
    const verdict = head.parse(held.bytes, held.to, this.#limits);
    this.partial = verdict === MORE;
    if (verdict !== DONE) return verdict;
    held.from = head.end;
    this.body.reset(head.length);
    return DONE;
  }

  /** Hands out of the body what is here and wanted. */
  readBody(): void {
    const { body } = this;
    const held = this.#held;
    const { bytes } = held;
    if (body.consumer !== null) this.#bodyIn = bytes;
    held.from = body.feed(bytes, held.from, held.to);
    // The head lies in the first of them, and is read on.
    if (held.size > 0 || bytes === this.head.bytes) return;
    held.clear();
    body.consumer?.onBodyRead?.(bytes);
  }

  /** All of the body at once, if its length was stated and it is here; else null. */
  takeBody(): Buffer<ArrayBuffer> | null {
    const { body } = this;
    const { bytes, from, size } = this.#held;
    if (!body.takeWhole(size)) return null;
    this.#held.from = from + body.taken;
    return bytes.subarray(from, from + body.taken) as Buffer<ArrayBuffer>;
  }

  /** The exchange is over. Nobody looks at its head; parts of its body may have been kept. */
  next(): void {
    if (this.#bodyIn !== NOTHING) {
      if (this.body.consumer?.keepsNothing !== true) this.#keptIn = this.#bodyIn;
      this.#bodyIn = NOTHING;
    }
    const held = this.#held;
    if (held.size > 0) return;
    if (held.bytes !== this.#keptIn) pieces.giveBack(held.bytes);
    this.#keptIn = NOTHING;
    held.clear();
  }

  /** See `Incoming`. */
  handRest(listener: RawListener): void {
    this.#held.handRest(listener);
  }

  /** What waits is of no interest. */
  clear(): void {
    this.#held.clear();
  }
}
