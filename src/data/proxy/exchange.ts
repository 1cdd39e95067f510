// One proxied request from its first byte to the end of its answer: what each step found out, for
// the steps after it. Created by the pipeline, written by the steps in their order, read at the end
// by observe. Owned by one worker; nothing here is shared. What carries it (the connection, `fetch`)
// stands elsewhere.

import type { BackendFailure } from "../../shared/backend-table.ts";
import { latin1 } from "../http1/bytes.ts";
import { TracePlace } from "../tracing/tracing.ts";
import { newRateLimit, type PolicyName, type RateLimit } from "./ratelimit-headers.ts";
import { endOf, NO_ID } from "./request-ids.ts";

/**
 * What became of the request at the gate. Before anyone asked who sent it: `bad` was refused,
 * `answered` is about the gateway itself.
 */
export type Decision = "admitted" | "limited" | "rejected" | "bad" | "answered";

/** Of a request's head, what the gate looks at. */
export interface Asked {
  readonly method: string;
  /** Path and query as the backend gets them, one character a byte. Makes a string. */
  readonly target: string;
  /** The query and what stands before it: [pathStart, targetEnd) of `bytes`. */
  readonly bytes: Buffer;
  readonly pathStart: number;
  readonly targetEnd: number;
  /** Bytes of the body; negative when only its end will tell. */
  readonly length: number;
  readonly fields: {
    /** All values of a field, joined by commas; null when there is none. */
    get(lowerName: string): string | null;
  };
}

export class Exchange extends TracePlace {
  readonly method: string;
  /** Good until the exchange is over. */
  readonly asked: Asked;
  /** ns on the clock of the process, read once when the request arrived. */
  readonly startedAt: number;
  /** The peer's address without port. */
  readonly peer: string;
  /** Whether the peer is a proxy whose forwarding headers are believed. */
  readonly trusted: boolean;
  /** Its id in two parts, of which the first is the same for many; or as a trusted proxy gave it. */
  idStart = NO_ID;
  idEnd = 0;
  givenId: string | null = null;

  /** The registered client's slot; good until this turn of the event loop ends. -1: anonymous. */
  slot = -1;
  /** Whom an anonymous request comes from: the peer, or what trusted proxies say about it. */
  address = "";

  decision: Decision = "bad";
  /** What the next hop gets as `Max-Forwards`; -1: what the client sent, if anything. */
  maxForwards = -1;
  /** Which kind of bucket was asked, and what it said; null: none was. */
  limitedBy: PolicyName | null = null;
  readonly rateLimit: RateLimit = newRateLimit();

  /** Slots that were tried and failed; null before the first failure. */
  tried: number[] | null = null;
  /** Slot of the backend that is being tried or has answered; -1 when there is none. */
  backend = -1;
  backendUrl: string | null = null;
  /** The request counts as in flight there. */
  begun = false;
  /** ns: when the present try began. */
  sentAt = 0;
  /** ns: when the answer's head was there. */
  answeredAt = 0;

  status = 0;
  /** The gateway answered, and no backend. */
  ownAnswer = false;
  /** Bytes of the answer's body that were handed on; null when nobody counted. */
  bytes: number | null = 0;
  /** Who ended the exchange before its time. */
  brokenBy: "client" | "backend" | null = null;
  /** How the last try failed at its backend; null when it did not. */
  failure: BackendFailure | null = null;
  ended = false;

  #target: string | null = null;
  /** Where `client_id` stands in the bytes of what was asked; or decoded. */
  #idFrom = 0;
  #idTo = 0;
  #clientId: string | null = null;

  constructor(asked: Asked, startedAt: number, peer: string, trusted: boolean) {
    super();
    this.asked = asked;
    this.method = asked.method;
    this.startedAt = startedAt;
    this.peer = peer;
    this.trusted = trusted;
  }

  /** Read off the request when somebody wants to know, which must be before it is over; see `keep`. */
  get target(): string {
    return (this.#target ??= this.asked.target);
  }
  /** The same of the value of `client_id`, when it names a registered client. */
  get clientId(): string | null {
    if (this.slot < 0) return null;
    return (this.#clientId ??= latin1(this.asked.bytes, this.#idFrom, this.#idTo));
  }

  /** `client_id` names the client of that slot: [from, to) of the request's bytes, or decoded. */
  identified(slot: number, from: number, to: number, decoded: string | null = null): void {
    this.slot = slot;
    this.#idFrom = from;
    this.#idTo = to;
    this.#clientId = decoded;
  }

  /** Lets target and client be known when the request is over. Once the client is identified. */
  keep(): void {
    void this.target;
    void this.clientId;
  }

  get requestId(): string {
    return this.givenId ?? this.idStart.digits.text + endOf(this.idEnd);
  }
}
