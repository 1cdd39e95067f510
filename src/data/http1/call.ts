// One request to a backend and its answer, as the relay sees them. Made by the pool for each request,
// used by one owner. Always holds: the owner hears of exactly one end, `last` or a failure, and after
// it (or `cancel`) nothing more; a call that is over can never touch its connection's next request.

import type { ResponseHead } from "./response-head.ts";
import type { UpstreamConnection } from "./upstream-connection.ts";
import type { RawEnd, RawListener } from "./raw-end.ts";

export type CallFailure =
  /** A kept connection was closed before any byte of an answer: nothing says that the backend saw the
   * request, and a fresh connection may well work. */
  | "stale"
  /** Nobody listens there. */
  | "refused"
  /** No connection for another reason: name, route, descriptors, TLS. */
  | "unreachable"
  | "connect_timeout"
  | "header_timeout"
  /** A fresh connection ended before any byte of an answer. */
  | "reset_before_response"
  /** What came is no valid HTTP/1.1 answer. */
  | "malformed"
  /** The answer began and broke off. */
  | "truncated"
  /** The answer began, and then nothing more of it came. */
  | "silent";

export interface CallOwner {
  /** The request is HEAD: its answer has no body. */
  readonly toHead: boolean;
  /** The request asks for an upgrade: 101 is an answer. */
  readonly upgrade: boolean;
  /** An interim answer (1xx). The head is valid until this returns. */
  onInterim(head: ResponseHead): void;
  /**
   * The answer's head, with what came of the body; `last`: that is all of it. The head is valid until
   * this returns, the bytes stay.
   */
  onAnswer(head: ResponseHead, bytes: Buffer, start: number, end: number, last: boolean): void;
  onAnswerBody(bytes: Buffer, start: number, end: number, last: boolean): void;
  /** All of these bytes was handed out, and they are the owner's now. */
  onAnswerRead(bytes: Buffer): void;
  /** What `write` had to keep has gone out. */
  onCallDrain(): void;
  onCallFailure(failure: CallFailure, detail: string): void;
}

export class Call {
  readonly owner: CallOwner;
  /** It went out on a kept connection. */
  reused = false;
  /** A byte of an answer has come: the backend has seen the request. */
  answered = false;
  /** Every byte of the request was handed over. */
  sent: boolean;
  #connection: UpstreamConnection | null = null;

  constructor(owner: CallOwner, sent: boolean) {
    this.owner = owner;
    this.sent = sent;
  }

  get over(): boolean {
    return this.#connection === null;
  }

  /** More of the request's body, framed. False: wait for `onCallDrain`. `transient`: copy what waits. */
  write(bytes: Buffer, start: number, end: number, last: boolean, transient: boolean): boolean {
    if (this.#connection === null) return true;
    if (last) this.sent = true;
    return this.#connection.write(bytes, start, end, transient);
  }

  /** Nobody else will look at these bytes again; pieces of them may have been written. */
  release(bytes: Buffer): void {
    this.#connection?.release(bytes);
  }

  /** Holds the answer's body back, but for what has been read already. */
  pause(): void {
    this.#connection?.pause();
  }
  resume(): void {
    this.#connection?.resume();
  }

  /** Gives the request up; its connection is closed. */
  cancel(): void {
    const connection = this.#connection;
    this.#connection = null;
    connection?.cancel();
  }

  /** After a 101: the connection's bytes both ways. */
  takeOver(listener: RawListener): RawEnd | null {
    const connection = this.#connection;
    this.#connection = null;
    return connection === null ? null : connection.takeOver(listener);
  }

  /** For the connection that carries it. */
  attach(connection: UpstreamConnection, reused: boolean): void {
    this.#connection = connection;
    this.reused = reused;
  }
  detach(): void {
    this.#connection = null;
  }
}
