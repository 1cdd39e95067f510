// One exchange forwarded by one call: bodies go both ways as they come, each side held back while the
// other cannot take more, and the end of either is told to the other. Made for each request; the
// exchange and the call report to it. Always holds: the answer is begun once; a broken answer is
// given up, never completed; after the end nothing is held.

import type { Call, CallFailure, CallOwner } from "./call.ts";
import { CHUNK_HEADER_BYTES, CRLF_BYTES, LAST_CHUNK, chunkHeader } from "./chunked.ts";
import { type Exchange, type ExchangeOwner, UNKNOWN_LENGTH } from "./exchange.ts";
import { ANSWER_DROPS, beginRequest, copyFields, endRequest } from "./forwarded-head.ts";
import { Field, mask } from "./field-names.ts";
import { CHUNKED, UNTIL_CLOSE, statedContentLength } from "./message-length.ts";
import type { MessageWriter } from "./message-writer.ts";
import type { BodyConsumer } from "./request-body.ts";
import type { ResponseHead } from "./response-head.ts";
import { Tunnel } from "./tunnel.ts";
import type { UpstreamPool } from "./upstream-pool.ts";

/** What is changed on the way, and who decides when it fails. One for all requests of a worker. */
export interface RelayPolicy {
  /** Ids of request fields that are not relayed, besides the hop-by-hop ones. */
  readonly requestDrops: number;
  readonly answerDrops: number;
  /** Adds whole lines, each with CRLF. */
  requestFields(writer: MessageWriter, relay: Relay): void;
  answerFields(writer: MessageWriter, relay: Relay, head: ResponseHead): void;
  /**
   * The call failed before the client got any of an answer: `forward` again if `replayable`, or
   * answer on the exchange.
   */
  onFailure(relay: Relay, failure: CallFailure, detail: string): void;
  /** Once, at the very end: the answer is complete, or was given up (`complete` false). */
  onEnd(relay: Relay, complete: boolean): void;
}

const NOTHING = Buffer.alloc(0);
const COPY_BELOW = 16_384;
const UPGRADE_ONLY = mask(Field.UPGRADE);

export class Relay implements ExchangeOwner, CallOwner, BodyConsumer {
  readonly exchange: Exchange;
  readonly toHead: boolean;
  readonly upgrade: boolean;
  readonly #policy: RelayPolicy;
  #pool: UpstreamPool | null = null;
  #call: Call | null = null;
  #fresh = false;
  /** Bytes of the body were taken from the client: they are gone for another try. */
  #consumed = false;
  #reading = false;
  #ended = false;

  constructor(exchange: Exchange, policy: RelayPolicy) {
    this.exchange = exchange;
    this.toHead = exchange.head.isMethod("HEAD");
    this.upgrade = exchange.head.upgrade && exchange.head.length === 0;
    this.#policy = policy;
    exchange.owner = this;
  }

  /** Whether the request can be sent again: none of its body was taken. */
  get replayable(): boolean {
    return !this.#consumed;
  }

  /** Sends the request there. With a body it waits for the first bytes, which leave with the head. */
  forward(pool: UpstreamPool, fresh = false): void {
    this.#pool = pool;
    this.#fresh = fresh;
    if (this.exchange.head.length === 0) this.#send(NOTHING, 0, 0, true);
    else if (!this.#reading) {
      this.#reading = true;
      this.exchange.readBody(this);
    }
  }

  #send(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    const { writer } = this.#pool!;
    const { head } = this.exchange;
    beginRequest(writer, head, this.#policy.requestDrops, this.upgrade);
    this.#policy.requestFields(writer, this);
    endRequest(writer, head);
    const inline = end - start <= COPY_BELOW;
    if (inline) this.#frame(writer, bytes, start, end, last);
    this.#call = this.#pool!.call(this, last && inline, this.#fresh);
    return inline || this.#sendMore(bytes, start, end, last);
  }

  #sendMore(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    const call = this.#call!;
    const writer = this.#pool!.writer.reset();
    if (end - start <= COPY_BELOW) {
      this.#frame(writer, bytes, start, end, last);
      return call.write(writer.bytes, 0, writer.used, last, true);
    }
    if (this.exchange.head.length !== CHUNKED) return call.write(bytes, start, end, last, false);
    writer.reserve(CHUNK_HEADER_BYTES);
    call.write(writer.bytes, 0, chunkHeader(writer.bytes, 0, end - start), false, true);
    call.write(bytes, start, end, false, false);
    const tail = writer.reset().copy(CRLF_BYTES, 0, 2);
    if (last) tail.copy(LAST_CHUNK, 0, LAST_CHUNK.length);
    return call.write(tail.bytes, 0, tail.used, last, true);
  }

  /** A piece of the request's body, framed as its head says. */
  #frame(writer: MessageWriter, bytes: Buffer, start: number, end: number, last: boolean): void {
    const chunked = this.exchange.head.length === CHUNKED;
    if (chunked && end > start) {
      writer.reserve(CHUNK_HEADER_BYTES);
      writer.used = chunkHeader(writer.bytes, writer.used, end - start);
    }
    if (end > start) writer.copy(bytes, start, end);
    if (chunked && end > start) writer.copy(CRLF_BYTES, 0, 2);
    if (chunked && last) writer.copy(LAST_CHUNK, 0, LAST_CHUNK.length);
  }

  // ── the request's body ───────────────────────────────────────────────────────────────────────

  onBody(bytes: Buffer, start: number, end: number, last: boolean): void {
    if (this.#ended) return;
    this.#consumed = true;
    const free =
      this.#call === null
        ? this.#send(bytes, start, end, last)
        : this.#sendMore(bytes, start, end, last);
    if (!free && !last) this.exchange.pauseBody();
  }

  onCallDrain(): void {
    this.exchange.resumeBody();
  }

  // ── the answer ───────────────────────────────────────────────────────────────────────────────

  onInterim(head: ResponseHead): void {
    const { exchange } = this;
    // 100 is between this gateway and each side; the others are news for the client.
    if (head.status === 100) return;
    const writer = exchange.beginRaw(head.status, head.bytes, head.reasonStart, head.reasonEnd);
    copyFields(writer, head.fields, ANSWER_DROPS | this.#policy.answerDrops);
    exchange.sendInterim();
  }

  onAnswer(head: ResponseHead, bytes: Buffer, start: number, end: number, last: boolean): void {
    const { exchange } = this;
    const switching = head.status === 101;
    const writer = exchange.beginRaw(head.status, head.bytes, head.reasonStart, head.reasonEnd);
    const drops = ANSWER_DROPS | this.#policy.answerDrops;
    copyFields(writer, head.fields, switching ? drops & ~UPGRADE_ONLY : drops);
    this.#policy.answerFields(writer, this, head);
    let length: number = head.length;
    if (this.toHead || head.status === 304) length = statedContentLength(head.fields);
    else if (length === CHUNKED || length === UNTIL_CLOSE) length = UNKNOWN_LENGTH;
    const free = exchange.send(length, bytes, start, end, last);
    if (switching) return this.#tunnel();
    this.#relayed(free, last);
  }

  onAnswerBody(bytes: Buffer, start: number, end: number, last: boolean): void {
    this.#relayed(this.exchange.write(bytes, start, end, last), last);
  }

  #relayed(free: boolean, last: boolean): void {
    if (last) this.#end(true);
    else if (!free) this.#call?.pause();
  }

  onDrain(): void {
    this.#call?.resume();
  }

  #tunnel(): void {
    const call = this.#call!;
    new Tunnel(() => this.#end(true)).join(
      (listener) => this.exchange.takeOver(listener),
      (listener) => call.takeOver(listener),
    );
  }

  // ── ends ─────────────────────────────────────────────────────────────────────────────────────

  onCallFailure(failure: CallFailure, detail: string): void {
    this.#call = null;
    if (this.exchange.status === 0) {
      this.#policy.onFailure(this, failure, detail);
      if (this.exchange.over) this.#end(true);
      return;
    }
    this.exchange.abort();
    this.#end(false);
  }

  onAbort(): void {
    this.#call?.cancel();
    this.#end(false);
  }

  #end(complete: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#call = null;
    this.#policy.onEnd(this, complete);
  }
}
