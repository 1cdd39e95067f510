// One downstream connection: heads, bodies and answers of its requests, one after another. Written by
// the socket's events, the wheel and the exchange in progress. Always holds: at most one exchange
// is in progress; bytes behind it wait in `#held`, bounded by pausing the socket.

import { normalizeAddress } from "../../shared/address.ts";
import { pieces } from "../sockets/pieces.ts";
import { LF } from "./bytes.ts";
import { Deadline, type DeadlineOwner } from "./deadlines.ts";
import { Exchange } from "./exchange.ts";
import { DONE, MORE } from "./fields.ts";
import type { Dial } from "./handover.ts";
import { Incoming } from "./incoming.ts";
import type { MessageWriter } from "./message-writer.ts";
import { writeRefusal } from "./own-answers.ts";
import { Progress } from "./progress.ts";
import { type BodyConsumer, RequestBody } from "./request-body.ts";
import { RequestHead } from "./request-head.ts";
import type { ServerState } from "./server.ts";
import { Tunnel } from "./tunnel.ts";
import { type RawEnd, type RawListener, type RawSocket, Wire } from "./wire.ts";

const CONTINUE = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");
const NOTHING = Buffer.alloc(0);
/** Bytes of a body nobody wanted that are read away to keep the connection. */
const WORTH_DISCARDING = 65_536;
const PROGRESS_CHECK_MS = 1000;

/** What a connection is doing. */
enum Doing {
  /** Between requests, or in the middle of a head. */
  HEAD,
  EXCHANGE,
  /** On its way to the process that takes over; what comes waits. */
  PASSING,
  /** The answer is complete, the rest of a small body is being read away. */
  DISCARD,
  /** Everything is written; reading until the client has seen it. */
  LINGER,
  RAW,
  CLOSED,
}

export class Connection implements DeadlineOwner, RawEnd {
  readonly wire: Wire;
  readonly head = new RequestHead();
  readonly body = new RequestBody();
  readonly peerAddress: string;
  readonly deadline = new Deadline(this);
  readonly #server: ServerState;
  readonly #progress: Progress;
  #doing = Doing.HEAD;
  #exchange: Exchange | null = null;
  #raw: RawListener | null = null;
  readonly #held = new Incoming();
  /** What part of the body was last handed out from. */
  #bodyIn: Buffer = NOTHING;
  /** Parts of these bytes may have been kept when their exchange was over. */
  #keptIn: Buffer = NOTHING;
  /** The head in #held was looked at and is incomplete. */
  #partial = false;
  #running = false;
  /** The answer in progress is the connection's last. */
  #last = false;
  #answered = 0;
  /** Passed on by another process: it ends with the answer that leaves nothing unanswered. */
  passing = false;

  constructor(socket: RawSocket, server: ServerState, peerAddress: string) {
    this.wire = new Wire(socket);
    // Once a connection instead of once a request.
    this.peerAddress = normalizeAddress(peerAddress);
    this.#server = server;
    this.#progress = new Progress(server.limits);
    server.deadlines.set(this.deadline, server.limits.headMs);
  }

  get writer(): MessageWriter {
    return this.#server.writer;
  }
  // ── events of the socket ─────────────────────────────────────────────────────────────────────

  /** [0, end) of the bytes, which are this connection's now. */
  onData(bytes: Buffer, end: number): void {
    if (this.#doing === Doing.RAW) return this.#raw!.onRaw(bytes, 0, end);
    if (this.#doing >= Doing.LINGER) return;
    const moved = this.#held.add(bytes, end);
    if (this.#partial) {
      // Only a head that is still being read moves; a complete one stays where its bytes are.
      if (this.head.bytes !== this.#held.bytes) this.head.rebase(this.#held.bytes, moved);
      // A head that drips is looked at again when a line may have ended, not for every byte.
      const size = this.#held.size;
      const line = this.#held.bytes.indexOf(LF, this.#held.to - end);
      const ended = line >= 0 && line < this.#held.to;
      if (size <= this.#server.limits.head.head && !ended) return;
    }
    this.#run();
  }

  onDrain(): void {
    if (this.wire.closed || !this.wire.drained()) return;
    if (this.#doing === Doing.RAW) this.#raw!.onRawDrain();
    else if (this.#doing === Doing.LINGER && this.wire.ended) this.#close();
    else if (this.#doing === Doing.EXCHANGE) this.#exchange!.owner?.onDrain();
    else this.#run();
  }

  onEnd(): void {
    this.wire.ended = true;
    if (this.#doing === Doing.RAW) return this.#raw!.onRawEnd();
    if (this.#waits) return;
    // What came before its end and waits to be read may be the rest of the body, or more requests.
    const unread = this.#held.size > 0;
    if (this.#doing === Doing.HEAD && unread && !this.#partial) return;
    if (this.#doing !== Doing.EXCHANGE) return this.#linger();
    if (!this.body.complete && !unread) return this.#close();
    this.#watchEnded();
  }

  /** The client is gone or has only ended its direction: `#stillThere` finds out which. */
  #watchEnded(): void {
    this.#progress.start(0, this.wire.sent);
    this.#watch(this.#server.limits.halfCloseMs);
  }

  onClose(): void {
    this.wire.onClosed();
    this.#close();
  }

  onDeadline(): void {
    const { limits } = this.#server;
    if (this.#doing === Doing.RAW) return this.#close();
    if (this.#waits) return this.#watch(PROGRESS_CHECK_MS);
    const writing = this.wire.queued > 0;
    if (this.#doing === Doing.EXCHANGE || this.#doing === Doing.DISCARD || writing) {
      return this.#checkProgress();
    }
    if (this.#doing !== Doing.HEAD || !this.#partial) return this.#close();
    this.refuse(408, `a request head that took longer than ${limits.headMs} ms`);
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────

  /** Takes held bytes as far as they can be taken now. Never runs inside itself. */
  #run(): void {
    if (this.#running) return;
    this.#running = true;
    while (this.#held.size > 0 && this.#step());
    this.#running = false;
    if (this.#doing >= Doing.LINGER) return;
    if (this.wire.ended && this.#held.size === 0 && this.#lacksBody) return this.#close();
    if (this.#held.size > this.#server.limits.buffered) this.wire.pause();
    else if (!this.body.paused || this.body.complete) this.wire.resume();
  }

  #step(): boolean {
    if (this.#doing !== Doing.HEAD) return this.#readBody();
    if (this.#server.holding) {
      if (this.#server.successor !== null) void this.#passOn(this.#server.successor);
      return false;
    }
    // Whoever does not read answers gets no more of them to keep here.
    return this.wire.queued === 0 && this.#readHead();
  }

  /** A request of it is here and must not begin. */
  get #waits(): boolean {
    if (this.#doing === Doing.PASSING) return true;
    return this.#doing === Doing.HEAD && this.#held.size > 0 && this.#server.holding;
  }

  /** In the middle of a body, or before it. */
  get #lacksBody(): boolean {
    const reading = this.#doing === Doing.EXCHANGE || this.#doing === Doing.DISCARD;
    return reading && !this.body.complete;
  }

  /** Looks again at what waits: the server holds no more, or has somebody to pass it on to. */
  proceed(): void {
    if (this.#doing === Doing.HEAD) this.#run();
  }

  async #passOn(dial: Dial): Promise<void> {
    this.#doing = Doing.PASSING;
    this.#server.deadlines.clear(this.deadline);
    const outgoing = await dial(this.peerAddress);
    // The client may have left meanwhile.
    if (this.#doing !== Doing.PASSING) return outgoing?.destroyRaw();
    if (outgoing === null) return this.#refuseWaiting();
    new Tunnel(() => {}).join(
      (listener) => this.takeOver(listener),
      (listener) => outgoing.listen(listener),
    );
  }

  /** It was not parsed here, as that would have been the successor's; now its method matters. */
  #refuseWaiting(): void {
    const { bytes, from, to } = this.#held;
    this.head.reset(from);
    this.head.parse(bytes, to, this.#server.limits.head);
    this.refuse(503, "no gateway to pass it on to");
  }

  #readHead(): boolean {
    const { head } = this;
    const { limits, deadlines } = this.#server;
    if (!this.#partial) head.reset(this.#held.from);
    const verdict = head.parse(this.#held.bytes, this.#held.to, limits.head);
    if (verdict === MORE && this.wire.ended) {
      // The rest will never come.
      this.#linger();
      return false;
    }
    if (verdict === MORE) {
      if (!this.#partial) deadlines.set(this.deadline, limits.headMs);
      this.#partial = true;
      return false;
    }
    this.#partial = false;
    if (verdict !== DONE) {
      this.refuse(verdict, head.fault);
      return false;
    }
    this.#held.from = head.end;
    this.#start();
    return true;
  }

  #start(): void {
    const { deadlines, handler } = this.#server;
    deadlines.clear(this.deadline);
    if (this.wire.ended) this.#watchEnded();
    this.body.reset(this.head.length);
    this.#last = !this.head.keepAlive || this.#server.draining;
    this.#doing = Doing.EXCHANGE;
    const exchange = new Exchange(this);
    this.#exchange = exchange;
    this.#server.requests++;
    try {
      handler(exchange);
    } catch (error) {
      this.#server.onError(error);
      if (exchange.status === 0) this.refuse(500, "");
      else exchange.abort();
    }
  }

  #readBody(): boolean {
    const { body } = this;
    if (!body.wanted) return false;
    const held = this.#held;
    const { bytes } = held;
    if (body.consumer !== null) this.#bodyIn = bytes;
    held.from = body.feed(bytes, held.from, held.to);
    // The head lies in the first of them, and is read on.
    if (held.size === 0 && bytes !== this.head.bytes) {
      held.clear();
      body.consumer?.onBodyRead?.(bytes);
    }
    if (body.fault !== "") {
      if (this.#doing === Doing.DISCARD) this.#linger();
      else this.refuse(400, body.fault);
      return false;
    }
    if (body.complete && this.#doing === Doing.DISCARD) this.#next();
    return true;
  }

  /** So many bytes of the body passed in a piece that only the collector frees. */
  pile(bytes: number): void {
    this.#server.piled += bytes;
  }

  // ── the exchange in progress (called by it) ───────────────────────────────────────────────────

  readBody(consumer: BodyConsumer, most: number): void {
    const { body } = this;
    if (body.complete) return consumer.onBody(NOTHING, 0, 0, true);
    if (this.head.length > most) return consumer.onTooLarge?.();
    body.consumer = consumer;
    body.most = most;
    if (this.head.expectsContinue && this.#held.size === 0 && this.#exchange!.status === 0) {
      this.wire.write(CONTINUE, 0, CONTINUE.length, false);
    }
    this.head.expectsContinue = false;
    this.#progress.start(body.taken, this.wire.sent);
    this.#watch(PROGRESS_CHECK_MS);
    this.#run();
  }
  takeBody(): Buffer<ArrayBuffer> | null {
    const { body } = this;
    const { bytes, from, size } = this.#held;
    if (!body.takeWhole(size)) return null;
    this.head.expectsContinue = false;
    this.#held.from = from + body.taken;
    return bytes.subarray(from, from + body.taken) as Buffer<ArrayBuffer>;
  }
  pauseBody(): void {
    this.body.paused = true;
    if (!this.body.complete) this.wire.pause();
  }
  resumeBody(): void {
    if (!this.body.paused) return;
    this.body.paused = false;
    this.#run();
  }

  /** Whether the connection goes on after this answer; `mustClose`: only its end ends the body. */
  staysOpen(mustClose: boolean): boolean {
    const unread = this.head.expectsContinue || this.body.left > WORTH_DISCARDING;
    const passed = this.passing && this.#held.size === 0;
    if (mustClose || unread || passed || this.#server.draining) this.#last = true;
    return !this.#last;
  }

  watchWriting(): void {
    if (this.deadline.due === Infinity) {
      this.#progress.start(this.body.taken, this.wire.sent);
      this.#watch(PROGRESS_CHECK_MS);
    }
  }

  completed(): void {
    this.#exchange = null;
    this.#answered++;
    if (this.#doing !== Doing.EXCHANGE) return;
    if (this.#last) return this.#linger();
    if (this.body.complete) return this.#next();
    this.body.consumer = null;
    this.body.paused = false;
    this.body.discarding = true;
    this.#doing = Doing.DISCARD;
    this.#progress.start(this.body.taken, this.wire.sent);
    this.#watch(PROGRESS_CHECK_MS);
    this.#run();
  }

  giveUp(reset: boolean): void {
    this.#exchange = null;
    if (reset) this.wire.destroy();
    this.#close();
  }

  takeOver(listener: RawListener): RawEnd {
    this.#exchange = null;
    this.#doing = Doing.RAW;
    this.#raw = listener;
    this.#server.deadlines.clear(this.deadline);
    if (this.#server.draining) this.#watch(this.#server.limits.tunnelDrainMs);
    this.wire.resume();
    const { bytes, from, to } = this.#held;
    this.#held.clear();
    if (from < to) listener.onRaw(bytes, from, to);
    if (this.wire.ended) listener.onRawEnd();
    return this;
  }

  // ── after an answer ──────────────────────────────────────────────────────────────────────────

  #next(): void {
    this.#doing = Doing.HEAD;
    if (this.#bodyIn !== NOTHING) {
      if (this.body.consumer?.keepsNothing !== true) this.#keptIn = this.#bodyIn;
      this.#bodyIn = NOTHING;
    }
    if (this.#held.size === 0) {
      // Nobody looks at a head whose exchange is over; parts of a body may have been kept.
      if (this.#held.bytes !== this.#keptIn) pieces.giveBack(this.#held.bytes);
      this.#keptIn = NOTHING;
      this.#held.clear();
      if (this.wire.ended || this.#server.draining) return this.#linger();
    }
    this.#server.deadlines.set(this.deadline, this.#server.limits.idleMs);
    this.#run();
  }

  /** The own answer to a request that could not be read or served; the connection's last. */
  refuse(status: number, fault: string): void {
    const exchange = this.#exchange;
    if (exchange !== null && exchange.status !== 0) return this.#close();
    this.#exchange = null;
    const { writer } = this;
    writeRefusal(writer, status, fault, this.head.isMethod("HEAD"));
    // Of what has an owner, that one is told.
    if (exchange === null || exchange.owner === null) {
      this.#server.refused(status, fault, this.peerAddress);
    }
    this.wire.write(writer.bytes, 0, writer.used, true);
    this.#linger();
    exchange?.lost(status);
  }

  /** Ends our direction and reads on, so that closing does not take the answer from the client. */
  #linger(): void {
    if (this.#doing >= Doing.LINGER) return;
    this.#doing = Doing.LINGER;
    this.#held.clear();
    if (this.wire.queued === 0 && this.wire.ended) return this.#close();
    this.wire.resume();
    this.wire.shutdown();
    this.#progress.start(0, this.wire.sent);
    this.#server.deadlines.set(this.deadline, this.#server.limits.lingerMs);
  }

  #close(): void {
    if (this.#doing === Doing.CLOSED) return;
    const raw = this.#doing === Doing.RAW ? this.#raw : null;
    this.#doing = Doing.CLOSED;
    this.#held.clear();
    this.#server.deadlines.remove(this.deadline);
    this.wire.close();
    this.#server.closed(this);
    const exchange = this.#exchange;
    this.#exchange = null;
    exchange?.lost();
    raw?.onRawClose();
  }

  /** For a drain: ends it if it does nothing; a new one may still send its first request. */
  closeIdle(): void {
    if (this.#doing === Doing.RAW) return this.#watch(this.#server.limits.tunnelDrainMs);
    if (this.#doing !== Doing.HEAD || this.#partial) return;
    if (this.#answered > 0) this.#linger();
    else this.#watch(this.#server.limits.halfCloseMs);
  }
  /** Ends it whatever it does. */
  closeNow(): void {
    this.#close();
  }

  // ── deadlines ────────────────────────────────────────────────────────────────────────────────

  #watch(delayMs: number): void {
    this.#server.deadlines.set(this.deadline, delayMs);
  }

  #checkProgress(): void {
    const writing = this.wire.queued > 0;
    // Who reads an answer may have stopped sending because of it (RFC 9112 §9.5).
    const answering = this.#exchange !== null && this.#exchange.status !== 0;
    const reading = this.body.wanted && this.#doing < Doing.LINGER && !(answering && writing);
    if (this.wire.ended && this.body.complete && !writing) {
      if (!this.#progress.sentSince(this.wire.sent)) return this.#stillThere();
    }
    if (answering && reading && this.#progress.sentSince(this.wire.sent)) {
      this.#progress.start(this.body.taken, this.wire.sent);
      return this.#watch(PROGRESS_CHECK_MS);
    }
    const late = this.#progress.check(
      PROGRESS_CHECK_MS,
      reading ? this.body.taken : -1,
      writing ? this.wire.sent : -1,
    );
    if (late === "write") this.wire.destroy();
    if (late === "write" || (late === "read" && this.#doing === Doing.DISCARD))
      return this.#close();
    if (late === "read") return this.refuse(408, "a request body that came too slowly");
    if (reading || writing || !this.body.complete) this.#watch(PROGRESS_CHECK_MS);
    else if (this.wire.ended) this.#watch(this.#server.limits.halfCloseMs);
    else if (this.#doing === Doing.HEAD) this.#watch(this.#server.limits.idleMs);
  }

  /**
   * Of a client that ended its direction only writing to it shows whether it still reads: a socket
   * that nobody has any more answers with a reset. `100 Continue` may be sent unasked and is then
   * skipped (RFC 9110 §15.2.1). Where it cannot be sent, who is quiet counts as gone.
   */
  #stillThere(): void {
    const waiting = this.#exchange !== null && this.#exchange.status === 0;
    if (!waiting || this.head.minor === 0) return this.#close();
    this.wire.write(CONTINUE, 0, CONTINUE.length, false);
    this.#watch(this.#server.limits.halfCloseAgainMs);
  }

  // ── RawEnd ───────────────────────────────────────────────────────────────────────────────────

  writeRaw(bytes: Buffer, start: number, end: number): boolean {
    return this.wire.write(bytes, start, end, false);
  }
  pauseRaw(): void {
    this.wire.pause();
  }
  resumeRaw(): void {
    this.wire.resume();
  }
  endRaw(): void {
    this.wire.shutdown();
  }
  destroyRaw(): void {
    this.wire.destroy();
    this.#close();
  }
}
