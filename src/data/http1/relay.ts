// One exchange forwarded by one call: bodies go both ways as they come, each side held back while the
// other cannot take more, and the end of either is told to the other. Made for each request; the
// exchange and the call report to it. Always holds: the answer is begun once; a broken answer is
// given up, never completed; after the end nothing is held.

import type { Call, CallFailure, CallOwner } from "./call.ts";
import { CHUNK_HEADER_BYTES, LAST_CHUNK, chunkHeader } from "./chunked.ts";
import { type Exchange, type ExchangeOwner, UNKNOWN_LENGTH } from "./exchange.ts";
import { ANSWER_DROPS, beginRequest, copyFields, endRequest } from "./forwarded-head.ts";
import { Field, mask } from "./field-names.ts";
import { KeptBody } from "./kept-body.ts";
import { CHUNKED, UNTIL_CLOSE, statedContentLength } from "./message-length.ts";
import type { MessageWriter } from "./message-writer.ts";
import type { BodyConsumer } from "./request-body.ts";
import type { ResponseHead } from "./response-head.ts";
import { Tunnel } from "./tunnel.ts";
import type { UpstreamPool } from "./upstream-pool.ts";

/** What is changed on the way, and who decides when it fails. */
export interface RelayPolicy {
  /** Ids of request fields that are not relayed, besides the hop-by-hop ones. */
  readonly requestDrops: number;
  readonly answerDrops: number;
  /** Adds whole lines, each with CRLF. */
  requestFields(writer: MessageWriter, relay: Relay): void;
  answerFields(writer: MessageWriter, relay: Relay, head: ResponseHead): void;
  /** Bytes that a request's body may have; it fails as soon as more are announced. */
  readonly maxBody: number;
  /**
   * It failed before the client got any of an answer: answer on the exchange before returning, or
   * `forward` again, now or later, if `replayable`.
   */
  onFailure(relay: Relay, failure: RelayFailure, detail: string): void;
  /** The backend broke its answer off; `onEnd` follows. */
  onBroken(relay: Relay, detail: string): void;
  /** Once, at the very end. */
  onEnd(relay: Relay, end: RelayEnd): void;
}

/** `too_large`: the request's body has more than `maxBody`. */
export type RelayFailure = CallFailure | "too_large";

/**
 * The answer is complete (`at_once`: as soon as its head was there), or was given up because the
 * client has left, or sent more than it may, or because the backend broke it off.
 */
export type RelayEnd = "at_once" | "whole" | "left" | "broken";

const NOTHING = Buffer.alloc(0);
const COPY_BELOW = 16_384;
const UPGRADE_ONLY = mask(Field.UPGRADE);
/** Bytes of a request's body that are kept, so that it can be sent again. */
const REPLAY_MAX = 65_536;

export class Relay implements ExchangeOwner, CallOwner, BodyConsumer {
  readonly exchange: Exchange;
  readonly toHead: boolean;
  readonly upgrade: boolean;
  /** No connection goes on to send of a request whose answer is over. */
  readonly keepsNothing = true;
  readonly #policy: RelayPolicy;
  #pool: UpstreamPool | null = null;
  #call: Call | null = null;
  #fresh = false;
  /** What was taken of the body is kept, if there is any; false when that became too much. */
  #keeps = true;
  #kept: KeptBody | null = null;
  #taken = 0;
  #reading = false;
  #tunnel: Tunnel | null = null;
  /** What its end is when the answer is complete. */
  #complete: RelayEnd = "whole";
  #ended = false;

  /** `upgrade`: the request's wish to leave HTTP goes on to the backend. */
  constructor(exchange: Exchange, policy: RelayPolicy, upgrade = false) {
    this.exchange = exchange;
    this.toHead = exchange.head.isMethod("HEAD");
    this.upgrade = upgrade;
    this.#policy = policy;
    exchange.owner = this;
  }

  /** Whether the request can be sent again as it was. */
  get replayable(): boolean {
    return this.#keeps;
  }
  /** Bytes that the client got of the answer's body, or through the tunnel. */
  get bytes(): number {
    return this.#tunnel === null ? this.exchange.bodyBytes : this.#tunnel.bytes[1];
  }

  /** Sends the request there. With a body it waits for the first bytes, which leave with the head. */
  forward(pool: UpstreamPool, fresh = false): void {
    this.#pool = pool;
    this.#fresh = fresh;
    if (this.exchange.head.length === 0) this.#send(NOTHING, 0, 0, true);
    else if (this.#reading) this.#replay();
    else {
      this.#reading = true;
      this.exchange.readBody(this, this.#policy.maxBody);
    }
  }

  #replay(): void {
    const kept = this.#kept;
    const free =
      kept === null ||
      kept.replay((bytes, start, end, last) => this.#pass(bytes, start, end, last));
    if (free) this.exchange.resumeBody();
  }

  #send(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    const { writer, authority } = this.#pool!;
    const { head } = this.exchange;
    beginRequest(writer, head, this.#policy.requestDrops, this.upgrade, authority);
    this.#policy.requestFields(writer, this);
    endRequest(writer, head);
    const inline = end - start <= COPY_BELOW;
    if (inline) this.#frame(writer, bytes, start, end, last);
    this.#call = this.#pool!.call(this, last && inline, this.#fresh);
    // While there is no connection, no more of the body is taken.
    return inline ? this.#call.reused : this.#sendMore(bytes, start, end, last);
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
    const tail = writer.reset().crlf();
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
    if (chunked && end > start) writer.crlf();
    if (chunked && last) writer.copy(LAST_CHUNK, 0, LAST_CHUNK.length);
  }

  // ── the request's body ───────────────────────────────────────────────────────────────────────

  onBody(bytes: Buffer, start: number, end: number, last: boolean): void {
    if (this.#ended) return;
    this.#taken += end - start;
    // The first piece is kept whatever its size: no other is taken until there is a connection.
    if (this.#taken > REPLAY_MAX && this.#call !== null) this.#keepNone();
    if (this.#kept !== null) this.#kept.add(bytes, start, end, last);
    else if (this.#keeps) this.#kept = new KeptBody(bytes, start, end, last);
    if (!this.#pass(bytes, start, end, last) && !last) this.exchange.pauseBody();
  }

  onTooLarge(): void {
    if (this.#ended) return;
    this.#call?.cancel();
    this.#keepNone();
    if (this.exchange.status !== 0) {
      this.exchange.abort();
      return this.#end("left");
    }
    this.onCallFailure("too_large", `more than ${this.#policy.maxBody} bytes`);
  }

  onBodyRead(bytes: Buffer): void {
    if (this.#kept?.isIn(bytes) !== true) this.#call?.release(bytes);
  }

  #keepNone(): void {
    this.#keeps = false;
    this.#kept = null;
  }

  #pass(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    return this.#call === null
      ? this.#send(bytes, start, end, last)
      : this.#sendMore(bytes, start, end, last);
  }

  onCallDrain(): void {
    if (this.#taken > REPLAY_MAX) this.#keepNone();
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
    this.#keepNone();
    const writer = exchange.beginRaw(head.status, head.bytes, head.reasonStart, head.reasonEnd);
    const drops = ANSWER_DROPS | this.#policy.answerDrops;
    copyFields(writer, head.fields, switching ? drops & ~UPGRADE_ONLY : drops);
    this.#policy.answerFields(writer, this, head);
    let length: number = head.length;
    if (this.toHead || head.status === 304) length = statedContentLength(head.fields);
    else if (length === CHUNKED || length === UNTIL_CLOSE) length = UNKNOWN_LENGTH;
    if (last) this.#complete = "at_once";
    const free = exchange.send(length, bytes, start, end, last);
    if (switching) return this.#join();
    this.#relayed(free, last ? "at_once" : null);
  }

  onAnswerBody(bytes: Buffer, start: number, end: number, last: boolean): void {
    const free = this.exchange.write(bytes, start, end, last);
    this.#relayed(free, last ? "whole" : null);
  }

  #relayed(free: boolean, end: RelayEnd | null): void {
    if (end !== null) this.#end(end);
    else if (!free) this.#call?.pause();
  }

  onAnswerRead(bytes: Buffer): void {
    this.exchange.release(bytes);
  }

  onDrain(): void {
    this.#call?.resume();
  }

  #join(): void {
    const call = this.#call!;
    this.#tunnel = new Tunnel(() => this.#end("whole"));
    this.#tunnel.join(
      (listener) => this.exchange.takeOver(listener),
      (listener) => call.takeOver(listener),
    );
  }

  // ── ends ─────────────────────────────────────────────────────────────────────────────────────

  onCallFailure(failure: RelayFailure, detail: string): void {
    this.#call = null;
    if (this.exchange.status === 0) {
      // Until it is forwarded again there is nowhere for more of the body to go.
      if (!this.exchange.requestComplete) this.exchange.pauseBody();
      this.#policy.onFailure(this, failure, detail);
      if (this.exchange.over) this.#end("whole");
      return;
    }
    this.exchange.abort();
    this.#policy.onBroken(this, detail);
    this.#end("broken");
  }

  onComplete(): void {
    this.#end(this.#complete);
  }

  onAbort(): void {
    this.#call?.cancel();
    this.#end("left");
  }

  #end(end: RelayEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#call = null;
    this.#keepNone();
    this.#policy.onEnd(this, end);
  }
}
