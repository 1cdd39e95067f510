// The transport over own connections, plain or TLS: bytes of the client's connection go to a pooled
// connection of the backend and back, neither side made into objects. Tries backends until one
// answers or trying another is not safe. Upgrades (WebSocket) go this way with either transport.

import type { Config } from "../../config.ts";
import type { DeadlineWheel } from "../http1/deadlines.ts";
import type { Exchange as HttpExchange } from "../http1/exchange.ts";
import type { MessageWriter } from "../http1/message-writer.ts";
import { Relay, type RelayEnd, type RelayFailure, type RelayPolicy } from "../http1/relay.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import type { Adoption } from "../sockets/adoption.ts";
import type { Attempts } from "./attempts.ts";
import type { Exchange } from "./exchange.ts";
import { ANSWER_DROPS, answerLines, requestDrops, requestLines } from "./header-lines.ts";
import type { Observer } from "./observe.ts";
import { type Failure, isIdempotent } from "./pick.ts";
import { Pools } from "./pools.ts";
import { CLIENT_LEFT, type OwnAnswer, send } from "./responses.ts";
import type { Epochs } from "./sessions.ts";
import { wantsUpgrade } from "./upgrade.ts";

export interface PooledRelayOptions {
  readonly config: Pick<Config, "allowLinkLocal" | "maxBody" | "timeouts">;
  readonly backends: Epochs;
  readonly attempts: Attempts;
  readonly observer: Observer;
  readonly deadlines: DeadlineWheel;
  readonly adoption?: Adoption | undefined;
}

export class PooledRelay {
  readonly attempts: Attempts;
  readonly observer: Observer;
  readonly maxBody: number;
  readonly pools: Pools;

  constructor(options: PooledRelayOptions) {
    const { backends, attempts, observer, deadlines, adoption } = options;
    const { allowLinkLocal, maxBody, timeouts } = options.config;
    this.attempts = attempts;
    this.observer = observer;
    this.maxBody = maxBody === 0 ? Infinity : maxBody;
    const limits = {
      connectMs: timeouts.connectMs,
      headMs: timeouts.requestMs,
      silentMs: timeouts.streamIdleMs || Infinity,
    };
    this.pools = new Pools({ backends, deadlines, limits, allowLinkLocal, adoption });
  }

  /** The exchange has a backend to try first. */
  send(exchange: Exchange, http: HttpExchange): void {
    new Relaying(exchange, http, this).start();
  }
}

/** One exchange on its way. */
class Relaying implements RelayPolicy {
  readonly requestDrops: number;
  readonly answerDrops = ANSWER_DROPS;
  readonly maxBody: number;
  readonly #exchange: Exchange;
  readonly #http: HttpExchange;
  readonly #shared: PooledRelay;

  constructor(exchange: Exchange, http: HttpExchange, shared: PooledRelay) {
    this.#exchange = exchange;
    this.#http = http;
    this.#shared = shared;
    this.requestDrops = requestDrops(exchange);
    this.maxBody = shared.maxBody;
  }

  start(): void {
    const exchange = this.#exchange;
    const http = this.#http;
    const pool = this.#shared.pools.of(exchange.backend, exchange.backendUrl!);
    const upgrade = http.head.upgrade && wantsUpgrade(http.head);
    new Relay(http, this, upgrade).forward(pool);
  }

  requestFields(writer: MessageWriter): void {
    requestLines(writer, this.#exchange, this.#http.head);
  }

  answerFields(writer: MessageWriter, _: Relay, head: ResponseHead): void {
    this.#shared.attempts.answered(this.#exchange, head.status);
    this.#shared.observer.handedOn(this.#exchange);
    answerLines(writer, this.#exchange, head);
  }

  onFailure(relay: Relay, failure: RelayFailure, detail: string): void {
    const exchange = this.#exchange;
    const { attempts, pools } = this.#shared;
    const stale = failure === "stale" && relay.replayable && isIdempotent(exchange.method);
    if (!stale) {
      const answer = attempts.next(exchange, FAILURES[failure], relay.replayable, detail);
      if (answer !== null) return this.#answer(answer);
    }
    relay.forward(pools.of(exchange.backend, exchange.backendUrl!), stale);
  }

  onBroken(_: Relay, detail: string): void {
    this.#shared.attempts.broke(this.#exchange, detail);
  }

  onEnd(relay: Relay, end: RelayEnd): void {
    const exchange = this.#exchange;
    const { attempts, observer } = this.#shared;
    if (end === "left") {
      const { refusal } = this.#http;
      if (refusal === 0) exchange.brokenBy = "client";
      if (exchange.status === 0) {
        observer.answeredOurselves(exchange, refusal || CLIENT_LEFT.status);
      }
    }
    if (exchange.bytes !== null) exchange.bytes = relay.bytes;
    attempts.over(exchange, end === "at_once" ? exchange.answeredAt : undefined);
  }

  #answer(answer: OwnAnswer): void {
    this.#shared.observer.answeredOurselves(this.#exchange, answer.status);
    send(answer, this.#exchange, this.#http);
  }
}

const FAILURES: Readonly<Record<RelayFailure, Failure>> = {
  stale: "reset",
  refused: "unconnected",
  unreachable: "unconnected",
  connect_timeout: "unconnected",
  header_timeout: "timeout",
  reset_before_response: "reset",
  malformed: "malformed",
  // Some of a head had come: the backend has worked on it.
  truncated: "malformed",
  silent: "malformed",
  too_large: "too_large",
};
