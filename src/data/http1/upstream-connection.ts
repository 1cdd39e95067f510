// One connection to a backend, carrying one call at a time. Written by its socket's events, the wheel and
// the call. Always holds: it goes back to the pool only when request and answer are complete and
// not a byte is left over; anything that comes while no call is in progress closes it.

import type { Socket } from "bun";
import { BODY_FAULT, BODY_MORE, BodyDecoder } from "./body-decoder.ts";
import type { Call, CallFailure } from "./call.ts";
import { Deadline, type DeadlineOwner } from "./deadlines.ts";
import { DONE, MORE } from "./fields.ts";
import { Incoming } from "./incoming.ts";
import { type RawEnd, type RawListener, WireEnd } from "./raw-end.ts";
import { ResponseHead } from "./response-head.ts";
import type { UpstreamPool } from "./upstream-pool.ts";
import { type RawSocket, Wire } from "./wire.ts";

enum Doing {
  CONNECTING,
  IDLE,
  HEAD,
  BODY,
  RAW,
  CLOSED,
}

/** Interim answers before the final one; more is a backend gone mad. */
const MAX_INTERIM = 32;

export class UpstreamConnection implements DeadlineOwner {
  readonly deadline = new Deadline(this);
  readonly #pool: UpstreamPool;
  readonly #head = new ResponseHead();
  readonly #held = new Incoming();
  #wire: Wire | null = null;
  #doing = Doing.CONNECTING;
  #call: Call | null = null;
  #raw: RawListener | null = null;
  readonly #body = new BodyDecoder();
  /** The answer may be quiet for as long as it likes. */
  #eventStream = false;
  #interim = 0;
  /** What is to be written once connected. */
  #early: Buffer[] = [];

  constructor(pool: UpstreamPool) {
    this.#pool = pool;
  }

  // ── for the pool and the call ─────────────────────────────────────────────────────────────────

  /** Carries the call on a connection that is being made. The bytes are copied. */
  begin(call: Call, bytes: Buffer, end: number): void {
    this.#call = call;
    call.attach(this, false);
    this.#early.push(Buffer.from(bytes.subarray(0, end)));
    this.#pool.deadlines.set(this.deadline, this.#pool.limits.connectMs);
  }

  /** Carries the call on this idle connection. False: it is gone, nothing was sent. */
  reuse(call: Call, bytes: Buffer, end: number): boolean {
    const wire = this.#wire!;
    if (wire.closed) return false;
    const drained = wire.write(bytes, 0, end, true);
    if (wire.broken) {
      this.#close();
      return false;
    }
    this.#call = call;
    call.attach(this, true);
    this.#expectHead();
    if (!drained) this.#watchHead();
    return true;
  }

  write(bytes: Buffer, start: number, end: number, transient: boolean): boolean {
    if (this.#doing === Doing.CONNECTING) {
      this.#early.push(Buffer.from(bytes.subarray(start, end)));
      return false;
    }
    const drained = this.#wire!.write(bytes, start, end, transient);
    // A backend that takes no more of the request is waited for no longer than for its answer.
    if (this.#doing === Doing.HEAD && (this.#call!.sent || !drained)) this.#watchHead();
    if (this.#doing === Doing.BODY) this.#watchBody();
    return drained;
  }

  cancel(): void {
    this.#call = null;
    this.#wire?.destroy();
    this.#close();
  }

  closeIdle(): void {
    if (this.#doing === Doing.IDLE) this.#close();
  }

  release(bytes: Buffer): void {
    this.#wire?.release(bytes);
  }

  /** Holds the answer's body back, but for what has been read already. */
  pause(): void {
    this.#wire?.pause();
    if (this.#doing === Doing.BODY) this.#watchBody();
  }
  resume(): void {
    this.#wire?.resume();
    if (this.#doing === Doing.BODY) this.#watchBody();
  }

  // ── events of the socket ──────────────────────────────────────────────────────────────────────

  /** The same connection without Bun, whose socket is done with then; null where it stays. */
  moved(socket: Socket<UpstreamConnection | null>): RawSocket | null {
    const { adoption } = this.#pool;
    if (adoption === null || this.#doing === Doing.CLOSED) return null;
    socket.data = null;
    const own = adoption.adopt(socket, false);
    if (own === null) socket.data = this;
    return own?.listen(this) ?? null;
  }

  get unasked(): boolean {
    return this.#doing === Doing.IDLE;
  }

  /** There is a connection, over which TLS may still have to begin. False: it is not wanted. */
  onConnected(socket: RawSocket): boolean {
    const { accepts } = this.#pool;
    this.#wire = new Wire(socket);
    if (this.#doing === Doing.CLOSED) this.#wire.destroy();
    else if (accepts !== null && !accepts(socket.remoteAddress)) {
      this.#wire.destroy();
      this.#fail("unreachable", "an address that is not allowed");
    }
    return !this.#wire.closed;
  }

  /** What was kept can go. */
  onReady(): void {
    if (this.#wire === null || this.#wire.closed) return;
    this.#expectHead();
    let drained = true;
    for (const bytes of this.#early) drained = this.#wire.write(bytes, 0, bytes.length, false);
    this.#early = [];
    if (!drained) this.#watchHead();
    else if (!this.#call!.sent) this.#call!.owner.onCallDrain();
  }

  onConnectError(code: string): void {
    this.#fail(code === "ECONNREFUSED" ? "refused" : "unreachable", code);
  }

  /** [0, end) of the bytes, which are this connection's now. */
  onData(bytes: Buffer, end: number): void {
    switch (this.#doing) {
      case Doing.HEAD:
        this.#call!.answered = true;
        return this.#readHead(bytes, end);
      case Doing.BODY:
        return this.#readMore(bytes, end);
      case Doing.RAW:
        return this.#raw!.onRaw(bytes, 0, end);
      default:
        // Nobody asked for these bytes: whatever they are, they belong to no request.
        this.#wire?.destroy();
        this.#close();
    }
  }

  onDrain(): void {
    if (this.#wire === null || this.#wire.closed) return;
    const drained = this.#wire.drained();
    if (this.#doing === Doing.HEAD) {
      // It took some: new time, or none at all to watch while the client is the one to send.
      if (drained && !this.#call!.sent) this.#pool.deadlines.clear(this.deadline);
      else this.#watchHead();
    }
    if (this.#doing === Doing.BODY) this.#watchBody();
    if (this.#doing === Doing.RAW && this.deadline.due !== Infinity) this.#watchHead();
    if (!drained) return;
    if (this.#doing === Doing.RAW) this.#raw!.onRawDrain();
    else if (this.#call !== null && !this.#call.sent) this.#call.owner.onCallDrain();
  }

  /** Bun's own; the connection's end is reported after it. */
  onError(): void {
    this.#wire?.destroy();
    this.#close();
  }

  onEnd(): void {
    if (this.#wire !== null) this.#wire.ended = true;
    if (this.#doing === Doing.RAW) return this.#raw!.onRawEnd();
    if (this.#doing === Doing.BODY && this.#body.untilClose) {
      const call = this.#release();
      call.owner.onAnswerBody(this.#held.bytes, 0, 0, true);
      return;
    }
    this.#lost("the backend closed the connection");
  }

  onClose(error: Error | undefined): void {
    if (this.#wire?.onClosed(error) && this.#doing === Doing.RAW) this.#raw!.onRawEnd();
    this.#lost(error?.message ?? "the connection closed");
  }

  onDeadline(): void {
    if (this.#doing === Doing.CONNECTING)
      return this.#fail("connect_timeout", "no connection in time");
    if (this.#doing === Doing.HEAD) return this.#fail("header_timeout", "no answer in time");
    if (this.#doing === Doing.BODY) return this.#fail("silent", "no more of the answer in time");
    if (this.#doing === Doing.IDLE || this.#doing === Doing.RAW) this.#close();
  }

  #readMore(bytes: Buffer, end: number): void {
    const { owner } = this.#call!;
    if (this.deadline.due !== Infinity) this.#watchBody();
    this.#readBody(bytes, 0, end);
    owner.onAnswerRead(bytes);
  }

  // ── the answer ────────────────────────────────────────────────────────────────────────────────

  #expectHead(): void {
    this.#doing = Doing.HEAD;
    this.#interim = 0;
    this.#held.clear();
    this.#head.reset(0);
    if (this.#call!.sent) this.#watchHead();
    else this.#pool.deadlines.clear(this.deadline);
  }

  /** Its answer is waited for, or that it takes more of the request. */
  #watchHead(): void {
    this.#pool.deadlines.set(this.deadline, this.#pool.limits.headMs);
  }

  #readHead(bytes: Buffer, end: number): void {
    const head = this.#head;
    const held = this.#held;
    const continued = held.size > 0;
    const moved = held.add(bytes, end);
    if (continued && head.bytes !== held.bytes) head.rebase(held.bytes, moved);
    while (held.size > 0) {
      const owner = this.#call!.owner;
      const verdict = head.parse(held.bytes, held.to, owner.toHead, this.#pool.limits.head);
      if (verdict === MORE) return;
      if (verdict !== DONE) return this.#fail("malformed", head.fault);
      held.from = head.end;
      if (!head.interim) return this.#begin();
      if (++this.#interim > MAX_INTERIM)
        return this.#fail("malformed", "interim answers without end");
      owner.onInterim(head);
      if (this.#doing !== Doing.HEAD) return;
      head.reset(held.from);
    }
    head.reset(0);
  }

  /** The final head is there. */
  #begin(): void {
    const head = this.#head;
    const call = this.#call!;
    const { bytes, from, to } = this.#held;
    this.#pool.deadlines.clear(this.deadline);
    if (head.status === 101) {
      if (!head.upgrade || !call.owner.upgrade)
        return this.#fail("malformed", "a 101 nobody asked for");
      // What follows is not HTTP; `takeOver` hands it out.
      return call.owner.onAnswer(head, bytes, from, from, false);
    }
    this.#doing = Doing.BODY;
    this.#body.reset(head.length);
    this.#readBody(bytes, from, to, head);
    if (this.#call === call && this.#doing === Doing.BODY) {
      this.#eventStream = isEventStream(head);
      this.#watchBody();
    }
    // The head was read with them, and is not looked at again.
    if (this.#held.bytes === bytes) this.#held.clear();
    call.owner.onAnswerRead(bytes);
  }

  /** The backend has time until its next bytes, unless it is the client that is waited for. */
  #watchBody(): void {
    const wire = this.#wire!;
    const clientsTurn = wire.paused || (!this.#call!.sent && wire.queued === 0);
    if (clientsTurn || this.#eventStream) this.#pool.deadlines.clear(this.deadline);
    else this.#pool.deadlines.set(this.deadline, this.#pool.limits.silentMs);
  }

  /** `first`: the answer's head, which goes out with the first piece. */
  #readBody(bytes: Buffer, from: number, to: number, first: ResponseHead | null = null): void {
    const body = this.#body;
    const call = this.#call;
    let head = first;
    body.next = from;
    for (;;) {
      const result = body.decode(bytes, to);
      if (result === BODY_MORE) break;
      if (result === BODY_FAULT) return this.#fail("truncated", body.fault);
      const { start, end } = body;
      if (body.complete) return this.#complete(head, bytes, start, end, body.next === to);
      this.#deliver(head, bytes, start, end, false);
      head = null;
      // The owner may have cancelled, and the connection is gone.
      if (this.#call !== call) return;
    }
    if (head !== null) this.#deliver(head, bytes, to, to, false);
  }

  #deliver(
    head: ResponseHead | null,
    bytes: Buffer,
    start: number,
    end: number,
    last: boolean,
  ): void {
    const owner = this.#call!.owner;
    if (head === null) owner.onAnswerBody(bytes, start, end, last);
    else owner.onAnswer(head, bytes, start, end, last);
  }

  /** The answer ends with this piece. `clean`: no byte follows it. */
  #complete(
    head: ResponseHead | null,
    bytes: Buffer,
    start: number,
    end: number,
    clean: boolean,
  ): void {
    const call = this.#call!;
    const reusable = clean && call.sent && this.#head.keepAlive && !this.#wire!.ended;
    if (!reusable || this.#wire!.queued > 0) this.#release();
    else this.#park();
    // From here on this connection may carry another call already: nothing of it is touched.
    if (head === null) call.owner.onAnswerBody(bytes, start, end, true);
    else call.owner.onAnswer(head, bytes, start, end, true);
  }

  #park(): void {
    this.#call!.detach();
    this.#call = null;
    this.#doing = Doing.IDLE;
    this.#held.clear();
    this.#wire!.resume();
    this.#pool.deadlines.set(this.deadline, this.#pool.limits.idleMs);
    if (!this.#pool.park(this)) this.#close();
  }

  // ── ends ─────────────────────────────────────────────────────────────────────────────────────

  /** Lets go of the call and closes. */
  #release(): Call {
    const call = this.#call!;
    call.detach();
    this.#call = null;
    this.#close();
    return call;
  }

  /** The backend ended or lost the connection. */
  #lost(detail: string): void {
    const call = this.#call;
    if (call === null) return this.#close();
    if (this.#doing === Doing.CONNECTING) return this.#fail("unreachable", detail);
    if (call.answered) return this.#fail("truncated", detail);
    this.#fail(call.reused ? "stale" : "reset_before_response", detail);
  }

  #fail(failure: CallFailure, detail: string): void {
    if (this.#call === null) return this.#close();
    this.#release().owner.onCallFailure(failure, detail);
  }

  #close(): void {
    if (this.#doing === Doing.CLOSED) return;
    const raw = this.#doing === Doing.RAW ? this.#raw : null;
    this.#doing = Doing.CLOSED;
    this.#early = [];
    this.#pool.deadlines.remove(this.deadline);
    this.#pool.closed(this);
    this.#wire?.close();
    raw?.onRawClose();
  }

  // ── an answer that left HTTP ─────────────────────────────────────────────────────────────────

  takeOver(listener: RawListener): RawEnd {
    this.#call = null;
    this.#doing = Doing.RAW;
    const wire = this.#wire!;
    wire.socket.keep?.();
    this.#raw = listener;
    this.#held.handRest(listener);
    return new WireEnd(
      wire,
      () => this.#close(),
      () => this.#watchHead(),
    );
  }
}

/** Server-sent events (WHATWG HTML §9.2): a stream that may be quiet until there is news. */
function isEventStream({ fields }: ResponseHead): boolean {
  return fields.get("content-type")?.toLowerCase().startsWith("text/event-stream") ?? false;
}
