// A request's body as `fetch` takes it: whole where it came with the head, else a stream that is pulled
// only as it is read. One a passage, for the client's bytes; its router and relay read it.

import { MEDIUM_BYTES } from "../sockets/pieces.ts";
import type { Passage } from "./passage.ts";
import type { BodyConsumer } from "./request-body.ts";
import type { FetchBody } from "./sayable.ts";

type Piece = Uint8Array<ArrayBuffer>;

export class PassageBody implements BodyConsumer {
  keepsNothing = true;
  readonly #passage: Passage;
  #whole: Buffer<ArrayBuffer> | null = null;
  #stream: ReadableStreamDefaultController<Piece> | null = null;

  constructor(passage: Passage) {
    this.#passage = passage;
  }

  get value(): FetchBody {
    return (this.#whole ??= this.#taken()) ?? this.#streamed();
  }

  /** Whoever reads it learns why no more comes. */
  break(reason: Error): void {
    this.#stream?.error(reason);
    this.#stream = null;
  }

  #taken(): Buffer<ArrayBuffer> | null {
    const { exchange } = this.#passage;
    const whole = exchange.takeBody();
    // A larger piece than those that are used again.
    if (whole !== null && whole.length > MEDIUM_BYTES) exchange.pile(whole.length);
    return whole;
  }

  #streamed(): ReadableStream<Piece> {
    const { exchange } = this.#passage;
    let reading = false;
    return new ReadableStream<Piece>(
      {
        pull: (controller) => {
          this.#stream = controller;
          if (reading) return exchange.resumeBody();
          reading = true;
          exchange.readBody(this, this.#passage.maxBody);
        },
        cancel: () => {
          this.#stream = null;
          exchange.resumeBody();
        },
      },
      { highWaterMark: 0 },
    );
  }

  onBody(bytes: Buffer, start: number, end: number, last: boolean): void {
    this.#passage.exchange.pauseBody();
    if (end > start) this.#stream?.enqueue(this.#own(bytes, start, end));
    if (!last) return;
    this.#stream?.close();
    this.#stream = null;
  }

  /** Bytes for `fetch`, which tells nobody when it has done with them: short ones are copied. */
  #own(bytes: Buffer, start: number, end: number): Piece {
    const part = bytes.subarray(start, end) as Buffer<ArrayBuffer>;
    if (bytes.length <= MEDIUM_BYTES) return new Uint8Array(part);
    this.keepsNothing = false;
    this.#passage.exchange.pile(bytes.length);
    return part;
  }

  onTooLarge(): void {
    this.#passage.listener?.onTooLarge();
    this.break(new Error("the body is too large"));
  }
}
