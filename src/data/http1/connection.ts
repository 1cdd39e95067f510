// One downstream connection: heads, bodies and answers of its requests, one after another. Written by
// the socket's events, the wheel and the exchange in progress. Always holds: at most one exchange
// is in progress; bytes behind it wait in `#reader`, bounded by pausing the socket.

import { normalizeAddress } from "../../shared/address.ts";
import { ClientPace } from "./client-pace.ts";
import type { DeadlineOwner } from "./deadlines.ts";
import { Exchange } from "./exchange.ts";
import { DONE, MORE } from "./fields.ts";
import type { Dial } from "./handover.ts";
import type { MessageWriter } from "./message-writer.ts";
import { writeRefusal } from "./own-answers.ts";
import type { BodyConsumer, RequestBody } from "./request-body.ts";
import type { RequestHead } from "./request-head.ts";
import { type RawEnd, type RawListener, WireEnd } from "./raw-end.ts";
import { RequestReader } from "./request-reader.ts";
import type { ServerState } from "./server.ts";
import { Tunnel } from "./tunnel.ts";
import { type RawSocket, Wire } from "./wire.ts";

const CONTINUE = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");
const NOTHING = Buffer.alloc(0);
/** Bytes of a body nobody wanted that are read away to keep the connection. */
const WORTH_DISCARDING = 65_536;

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

export class Connection implements DeadlineOwner {
  readonly wire: Wire;
  readonly peerAddress: string;
  readonly head: RequestHead;
  readonly body: RequestBody;
  readonly #server: ServerState;
  readonly #reader: RequestReader;
  readonly #pace: ClientPace;
  #doing = Doing.HEAD;
  #exchange: Exchange | null = null;
  #raw: RawListener | null = null;
  #running = false;
  /** The answer in progress is the connection's last. */
  #last = false;
  #answered = 0;
  /** Passed on by another process: it ends with the answer that leaves nothing unanswered, or soon. */
  passing = false;
  /** Passed on to another process: it ends as if its requests were answered here. */
  #passedOn = false;

  constructor(socket: RawSocket, server: ServerState, peerAddress: string) {
    this.wire = new Wire(socket);
    // Once a connection instead of once a request.
    this.peerAddress = normalizeAddress(peerAddress);
    this.#server = server;
    this.#reader = new RequestReader(server.limits.head);
    this.head = this.#reader.head;
    this.body = this.#reader.body;
    this.#pace = new ClientPace(this, server, this.wire, this.body);
    this.#pace.forHead();
  }

  get writer(): MessageWriter {
    return this.#server.writer;
  }
  // ── events of the socket ─────────────────────────────────────────────────────────────────────

  /** [0, end) of the bytes, which are this connection's now. */
  onData(bytes: Buffer, end: number): void {
    if (this.#doing === Doing.RAW) return this.#raw!.onRaw(bytes, 0, end);
    if (this.#doing >= Doing.LINGER) return;
    if (this.#reader.add(bytes, end)) this.#run();
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
    const unread = this.#reader.size > 0;
    if (this.#doing === Doing.HEAD && unread && !this.#reader.partial) return;
    if (this.#doing !== Doing.EXCHANGE) return this.#linger();
    if (!this.body.complete && !unread) return this.#close();
    // It is gone or has only ended its direction: `#stillThere` finds out which.
    this.#pace.forHalfClosed();
  }

  onClose(error?: Error): void {
    if (this.wire.onClosed(error) && this.#doing === Doing.RAW) this.#raw!.onRawEnd();
    this.#close();
  }

  onDeadline(): void {
    if (this.#doing === Doing.RAW) return this.#close();
    if (this.#waits) return this.#pace.forWaiting();
    const writing = this.wire.queued > 0;
    if (this.#doing === Doing.EXCHANGE || this.#doing === Doing.DISCARD || writing) {
      return this.#checkPace();
    }
    if (this.#doing !== Doing.HEAD || !this.#reader.partial) return this.#close();
    const { headMs } = this.#server.limits;
    this.refuse(408, `a request head that took longer than ${headMs} ms`);
  }

  #checkPace(): void {
    const answering = this.#exchange !== null && this.#exchange.status !== 0;
    const pace = this.#pace.check(answering, this.#doing < Doing.LINGER);
    if (pace === "silent") return this.#stillThere();
    if (pace === "stuck") this.wire.destroy();
    if (pace === "stuck" || (pace === "slow" && this.#doing === Doing.DISCARD))
      return this.#close();
    if (pace === "slow") return this.refuse(408, "a request body that came too slowly");
    if (this.#doing === Doing.HEAD && !this.#pace.runs) this.#pace.forNextRequest();
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
    this.#pace.forSignOfLife();
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────

  /** Takes held bytes as far as they can be taken now. Never runs inside itself. */
  #run(): void {
    if (this.#running) return;
    this.#running = true;
    const reader = this.#reader;
    while (reader.size > 0 && this.#step());
    this.#running = false;
    if (this.#doing >= Doing.LINGER) return;
    if (this.wire.ended && reader.size === 0 && this.#lacksBody) return this.#close();
    if (reader.size > this.#server.limits.buffered) this.wire.pause();
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
    return this.#doing === Doing.HEAD && this.#reader.size > 0 && this.#server.holding;
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
    this.#pace.stop();
    const outgoing = await dial(this.peerAddress);
    // The client may have left meanwhile.
    if (this.#doing !== Doing.PASSING) return outgoing?.destroyRaw();
    if (outgoing === null) return this.#refuseWaiting();
    this.#passedOn = true;
    new Tunnel(() => {}).join(
      (listener) => this.takeOver(listener),
      (listener) => outgoing.listen(listener),
    );
  }

  /** It was not parsed here, as that would have been the successor's; now its method matters. */
  #refuseWaiting(): void {
    this.#reader.readHead();
    this.refuse(503, "no gateway to pass it on to");
  }

  #readHead(): boolean {
    const reader = this.#reader;
    const began = !reader.partial;
    const verdict = reader.readHead();
    if (verdict === DONE) {
      this.#start();
      return true;
    }
    // The rest will never come.
    if (verdict === MORE && this.wire.ended) this.#linger();
    else if (verdict !== MORE) this.refuse(verdict, this.head.fault);
    else if (began) this.#pace.forHead();
    return false;
  }

  #start(): void {
    this.#pace.stop();
    if (this.wire.ended) this.#pace.forHalfClosed();
    this.#last = !this.head.keepAlive || this.#server.draining;
    this.#doing = Doing.EXCHANGE;
    const exchange = new Exchange(this);
    this.#exchange = exchange;
    this.#server.requests++;
    try {
      this.#server.handler(exchange);
    } catch (error) {
      this.#server.onError(error);
      if (exchange.status === 0) this.refuse(500, "");
      else exchange.abort();
    }
  }

  #readBody(): boolean {
    const { body } = this;
    if (!body.wanted) return false;
    this.#reader.readBody();
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
    if (this.head.expectsContinue && this.#reader.size === 0 && this.#exchange!.status === 0) {
      this.wire.write(CONTINUE, 0, CONTINUE.length, false);
    }
    this.head.expectsContinue = false;
    this.#pace.forBytes();
    this.#run();
  }
  takeBody(): Buffer<ArrayBuffer> | null {
    const bytes = this.#reader.takeBody();
    if (bytes !== null) this.head.expectsContinue = false;
    return bytes;
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
    const passed = this.passing && this.#reader.size === 0;
    if (mustClose || unread || passed || this.#server.draining) this.#last = true;
    return !this.#last;
  }

  watchWriting(): void {
    if (!this.#pace.runs) this.#pace.forBytes();
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
    this.#pace.forBytes();
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
    this.#pace.stop();
    const ends = this.#server.draining || this.passing;
    if (ends && !this.#passedOn) this.#pace.forTunnelToEnd();
    this.wire.resume();
    this.#reader.handRest(listener);
    if (this.wire.ended) listener.onRawEnd();
    return new WireEnd(
      this.wire,
      () => this.#close(),
      () => this.#linger(),
    );
  }

  // ── after an answer ──────────────────────────────────────────────────────────────────────────

  #next(): void {
    this.#doing = Doing.HEAD;
    this.#reader.next();
    const last = this.wire.ended || this.#server.draining;
    if (last && this.#reader.size === 0) return this.#linger();
    this.#pace.forNextRequest();
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
    this.#reader.clear();
    if (this.wire.queued === 0 && this.wire.ended) return this.#close();
    this.wire.resume();
    this.wire.shutdown();
    this.#pace.forParting();
  }

  #close(): void {
    if (this.#doing === Doing.CLOSED) return;
    const raw = this.#doing === Doing.RAW ? this.#raw : null;
    this.#doing = Doing.CLOSED;
    this.#reader.clear();
    this.#pace.end();
    this.wire.close();
    this.#server.closed(this);
    const exchange = this.#exchange;
    this.#exchange = null;
    exchange?.lost();
    raw?.onRawClose();
  }

  /** For a drain: ends it if it does nothing; a new one may still send its first request. */
  closeIdle(): void {
    if (this.#doing === Doing.RAW && !this.#passedOn) return this.#pace.forTunnelToEnd();
    // What is here of a request is read on, and answered: it may wait for the last answer to be taken.
    if (this.#doing !== Doing.HEAD || this.#reader.size > 0) return;
    if (this.#answered > 0) this.#linger();
    else this.#pace.forLastRequest();
  }
  /** Ends it whatever it does. */
  closeNow(): void {
    this.#close();
  }
}
