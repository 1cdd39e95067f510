// One request and its answer, as the stages of the pipeline see them. Made by the connection for each
// request; used by one owner. Always holds: after `end` or `abort` nothing done to it reaches the
// connection, so a late callback can never touch the next request's answer.

import { CHUNK_HEADER_BYTES, LAST_CHUNK, chunkHeader } from "./chunked.ts";
import type { Connection } from "./connection.ts";
import { dateLine } from "./date.ts";
import { CHUNKED_LINE, CONTENT_LENGTH, UPGRADE_LINE } from "./framing-lines.ts";
import type { MessageWriter } from "./message-writer.ts";
import { Phrase } from "./phrase.ts";
import type { RawEnd, RawListener } from "./raw-end.ts";
import type { BodyConsumer } from "./request-body.ts";
import type { RequestHead } from "./request-head.ts";

export interface ExchangeOwner {
  /** What `write` had to keep has gone out. */
  onDrain(): void;
  /** The client is gone, or its body was broken or too slow: nobody waits for an answer. */
  onAbort(): void;
  /** The answer is complete. The connection's next request begins when this returns. */
  onComplete?(): void;
}

/** The body's length is not known: chunked, or until the connection ends in HTTP/1.0. */
export const UNKNOWN_LENGTH = -1;

/** Body pieces up to this leave in one write with what surrounds them; larger ones are not copied. */
const COPY_BELOW = 16_384;

const NOTHING = Buffer.alloc(0);
const VERSION = new Phrase("HTTP/1.1 ");

enum Answer {
  NONE,
  FIXED,
  CHUNKED,
  UNTIL_CLOSE,
  BODILESS,
  OVER,
}

export class Exchange {
  readonly head: RequestHead;
  owner: ExchangeOwner | null = null;
  /** Status of the answer; 0 before it began. */
  status = 0;
  /** Status that the connection answered with when the rest of the request was refused; else 0. */
  refusal = 0;
  /** Bytes of the answer's body so far. */
  bodyBytes = 0;
  readonly #connection: Connection;
  #answer = Answer.NONE;
  #left = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.head = connection.head;
  }

  get peerAddress(): string {
    return this.#connection.peerAddress;
  }
  /** The answer is complete or given up. */
  get over(): boolean {
    return this.#answer === Answer.OVER;
  }
  get requestComplete(): boolean {
    return this.#connection.body.complete;
  }
  /** What was written and has not left this process. */
  get queued(): number {
    return this.over ? 0 : this.#connection.wire.queued;
  }

  /**
   * Reads the body from its start; sends `100 Continue` if the client waits for it. Once. Of a body
   * that announces more than `most` bytes the consumer is told instead.
   */
  readBody(consumer: BodyConsumer, most = Infinity): void {
    if (!this.over) this.#connection.readBody(consumer, most);
  }
  /**
   * Instead of `readBody`: all of the body, if its length was stated and it is here; null otherwise. Its
   * bytes stay as they are until the exchange is over.
   */
  takeBody(): Buffer<ArrayBuffer> | null {
    return this.over ? null : this.#connection.takeBody();
  }
  pauseBody(): void {
    if (!this.over) this.#connection.pauseBody();
  }
  resumeBody(): void {
    if (!this.over) this.#connection.resumeBody();
  }

  /**
   * Begins the final answer: fields follow as whole lines on the returned writer, without framing and
   * `Connection`, then `send` in the same synchronous stretch. `reason` may be empty. `date`: another
   * line, or none, where the fields that follow have one.
   */
  begin(status: number, reason: string, date = dateLine()): MessageWriter {
    return this.#begin(status).text(reason).crlf().phrase(date);
  }
  /** The same with what is known beforehand: status line and fields; for `sendWhole` to end. */
  beginHead(status: number, head: Phrase): MessageWriter {
    this.status = status;
    return this.#connection.writer.reset().phrase(head).phrase(dateLine());
  }
  /** The same with a reason whose bytes are elsewhere. */
  beginRaw(status: number, bytes: Buffer, reasonStart: number, reasonEnd: number): MessageWriter {
    return this.#begin(status).copy(bytes, reasonStart, reasonEnd).crlf();
  }
  #begin(status: number): MessageWriter {
    this.status = status;
    return this.#connection.writer.reset().phrase(VERSION).number(status).text(" ");
  }

  /** Sends what `begin` began as an interim answer (1xx); HTTP/1.0 clients do not get it. */
  sendInterim(): boolean {
    const { writer, wire } = this.#connection;
    this.status = 0;
    writer.crlf();
    if (this.#answer !== Answer.NONE || this.head.minor === 0) return true;
    return wire.write(writer.bytes, 0, writer.used, true);
  }

  /**
   * Sends the head, and [start, end) as the body's first piece with it; `last`: the body ends there.
   * `length` is the whole body's, or UNKNOWN_LENGTH. False: wait for `onDrain`.
   */
  send(length: number, bytes: Buffer, start: number, end: number, last: boolean): boolean {
    if (this.#answer !== Answer.NONE) return true;
    this.#frame(length);
    return this.#emit(bytes, start, end, last);
  }

  /** Sends head and body; the head told the body's length. Not for a status that can have none. */
  sendWhole(body: Phrase): void {
    if (this.#answer !== Answer.NONE) return;
    const { writer } = this.#connection;
    // Nothing is left to be framed.
    this.#answer = Answer.BODILESS;
    this.#connectionLine(this.#connection.staysOpen(false));
    if (!this.head.isMethod("HEAD")) {
      writer.phrase(body);
      this.bodyBytes = body.length;
    }
    this.#emit(NOTHING, 0, 0, true);
  }

  /** More of the body. False: wait for `onDrain`. The bytes must not change afterwards. */
  write(bytes: Buffer, start: number, end: number, last = false): boolean {
    if (this.over || this.#answer === Answer.NONE) return true;
    this.#connection.writer.reset();
    return this.#emit(bytes, start, end, last);
  }

  /** Nobody else will look at these bytes again; pieces of them may have been written. */
  release(bytes: Buffer): void {
    this.#connection.wire.release(bytes);
  }

  /** The counterpart of `release`: only the collector will free the memory of these bytes. */
  pile(bytes: number): void {
    this.#connection.pile(bytes);
  }

  end(): void {
    this.write(NOTHING, 0, 0, true);
  }

  /** Gives the exchange up. A client that got part of an answer sees that it is truncated. */
  abort(): void {
    if (this.over) return;
    const truncatedByReset = this.#answer === Answer.UNTIL_CLOSE;
    this.#answer = Answer.OVER;
    this.#connection.giveUp(truncatedByReset);
  }

  /** After a 101 was sent: the connection's bytes both ways. Null when the client is gone. */
  takeOver(listener: RawListener): RawEnd | null {
    if (this.over || this.status !== 101) return null;
    this.#answer = Answer.OVER;
    return this.#connection.takeOver(listener);
  }

  /** The connection is gone, or the request broken and `refusal` its answer. */
  lost(refusal = 0): void {
    if (this.over) return;
    this.refusal = refusal;
    this.#answer = Answer.OVER;
    this.owner?.onAbort();
  }

  #frame(length: number): void {
    const { writer } = this.#connection;
    const { status, head } = this;
    const silent = status < 200 || status === 204;
    const stays = this.#connection.staysOpen(length < 0 && head.minor === 0);
    if (silent || status === 304 || head.isMethod("HEAD")) {
      this.#answer = Answer.BODILESS;
      if (!silent && length >= 0) writer.phrase(CONTENT_LENGTH).number(length).crlf();
    } else if (length >= 0) {
      this.#answer = Answer.FIXED;
      this.#left = length;
      writer.phrase(CONTENT_LENGTH).number(length).crlf();
    } else if (head.minor === 1) {
      this.#answer = Answer.CHUNKED;
      writer.phrase(CHUNKED_LINE);
    } else {
      this.#answer = Answer.UNTIL_CLOSE;
    }
    if (status === 101) writer.phrase(UPGRADE_LINE).crlf();
    else this.#connectionLine(stays);
  }

  /** The head's last line, and its end. */
  #connectionLine(stays: boolean): void {
    const { writer } = this.#connection;
    if (!stays) writer.text("Connection: close\r\n");
    else if (this.head.minor === 0) writer.text("Connection: keep-alive\r\n");
    writer.crlf();
  }

  /** Writes what the writer holds, then a piece of the body in its framing. */
  #emit(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    const { writer, wire } = this.#connection;
    let size = end - start;
    if (this.#answer === Answer.BODILESS) size = 0;
    if (this.#answer === Answer.FIXED) {
      // More than was announced would be read as the next answer.
      size = Math.min(size, this.#left);
      this.#left -= size;
    }
    this.bodyBytes += size;
    const chunked = this.#answer === Answer.CHUNKED;
    if (chunked && size > 0) this.#chunkHeader(size);
    if (size > COPY_BELOW) {
      if (writer.used > 0) wire.write(writer.bytes, 0, writer.used, true);
      writer.reset();
      wire.write(bytes, start, start + size, false);
    } else if (size > 0) writer.copy(bytes, start, start + size);
    if (chunked && size > 0) writer.crlf();
    if (chunked && last) writer.copy(LAST_CHUNK, 0, LAST_CHUNK.length);
    if (writer.used > 0) wire.write(writer.bytes, 0, writer.used, true);
    const free = wire.queued === 0;
    if (!free) this.#connection.watchWriting();
    if (last) this.#finish();
    return free;
  }

  #chunkHeader(size: number): void {
    const { writer } = this.#connection;
    writer.reserve(CHUNK_HEADER_BYTES);
    writer.used = chunkHeader(writer.bytes, writer.used, size);
  }

  #finish(): void {
    // An answer shorter than it said must not be completed by the next one.
    if (this.#answer === Answer.FIXED && this.#left > 0) return this.abort();
    if (this.status === 101) return;
    this.#answer = Answer.OVER;
    this.owner?.onComplete?.();
    this.#connection.completed();
  }
}
