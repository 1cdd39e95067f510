// From admission to the end of the answer: tries backends until one answers or trying another is
// not safe, hands the answer on, and makes sure that what was begun is ended exactly once. Writes
// the exchange and, through it, this worker's row of the backend table.

import type { Config } from "../../config.ts";
import type { BackendFailure } from "../../shared/backend-table.ts";
import type { Clock } from "../../shared/clock.ts";
import { Deadlines } from "./deadlines.ts";
import type { Exchange } from "./exchange.ts";
import { type Failure, type Forward, tryBackend } from "./forward.ts";
import { prepareRequest, prepareResponse, setOwn } from "./headers.ts";
import type { Observer } from "./observe.ts";
import { type Backends, mayTryAnother, pick } from "./pick.ts";
import { type BodyOutcome, deliver } from "./response-body.ts";
import { type Epochs, Sessions } from "./sessions.ts";
import * as responses from "./responses.ts";

export interface BackendPool extends Backends, Epochs {
  end(slot: number): void;
  /** True, as with `answered`: the main thread should look at the backend. */
  failed(slot: number, failure: BackendFailure): boolean;
  answered(slot: number, status: number): boolean;
}

export interface RelayOptions {
  readonly config: Pick<Config, "maxBody" | "timeouts">;
  readonly backends: BackendPool;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly onBackendFailed: (slot: number) => void;
}

/** Bun's listener takes no more. */
const MAX_IDLE_SECONDS = 255;

export class Relay {
  readonly #backends: BackendPool;
  readonly #forward: Forward;
  readonly #observer: Observer;
  readonly #idleSeconds: number;
  readonly #onBackendFailed: (slot: number) => void;

  constructor({ config, backends, clock, observer, onBackendFailed }: RelayOptions) {
    const { maxBody, timeouts } = config;
    const deadlines = new Deadlines(clock, timeouts.requestMs);
    this.#forward = { clock, deadlines, maxBody, sessions: new Sessions(backends) };
    this.#backends = backends;
    this.#observer = observer;
    this.#idleSeconds = Math.min(Math.ceil(timeouts.idleMs / 1000), MAX_IDLE_SECONDS);
    this.#onBackendFailed = onBackendFailed;
  }

  /** Settles with the headers of the answer; the exchange ends with its body. */
  async send(exchange: Exchange): Promise<Response> {
    // A slow backend, a quiet stream or a slow upload is no idle connection. Bun applies this to
    // the connection and not to the request, so `#over` takes it back.
    exchange.listener.timeout(exchange.request, 0);
    prepareRequest(exchange);
    const picked = pick(exchange, this.#backends);
    if (picked === "none") {
      this.#observer.noneHealthy();
      return this.#unserved(exchange, responses.noneHealthy());
    }
    if (picked === "saturated") {
      this.#observer.saturated();
      return this.#unserved(exchange, responses.saturated());
    }
    for (;;) {
      const slot = exchange.backend;
      const sentAt = this.#forward.clock();
      const outcome = await tryBackend(exchange, exchange.backendUrl!, this.#forward);
      if (typeof outcome !== "string") return this.#handOn(exchange, outcome, sentAt);
      this.#backends.end(slot);
      this.#failed(slot, outcome);
      if (!mayTryAnother(exchange, outcome) || !this.#another(exchange, slot)) {
        return this.#unserved(exchange, this.#answerFor(exchange, outcome));
      }
    }
  }

  #handOn(exchange: Exchange, response: Response, sentAt: number): Response {
    const { backend } = exchange;
    if (this.#backends.answered(backend, response.status)) this.#onBackendFailed(backend);
    this.#observer.answered(exchange, response.status, sentAt);
    prepareResponse(exchange, response.headers);
    return deliver(exchange, response, this.#bodyEnded);
  }

  /** What the client did wrong says nothing about the backend. */
  #failed(slot: number, failure: Failure): void {
    this.#observer.failed(failure);
    if (failure === "client" || failure === "too_large") return;
    if (this.#backends.failed(slot, failure)) this.#onBackendFailed(slot);
  }

  #another(exchange: Exchange, failedSlot: number): boolean {
    (exchange.tried ??= []).push(failedSlot);
    if (pick(exchange, this.#backends) !== "picked") return false;
    this.#observer.retried();
    return true;
  }

  #answerFor(exchange: Exchange, failure: Failure): Response {
    if (failure === "timeout") return responses.backendTimedOut();
    if (failure === "too_large") return responses.bodyTooLarge(this.#forward.maxBody);
    if (failure !== "client") return responses.backendFailed();
    exchange.brokenBy = "client";
    return responses.clientLeft();
  }

  /** No backend has answered. */
  #unserved(exchange: Exchange, response: Response): Response {
    setOwn(exchange, response.headers);
    this.#observer.answeredOurselves(exchange, response.status);
    this.#over(exchange);
    return response;
  }

  readonly #bodyEnded = (exchange: Exchange, bytes: number, outcome: BodyOutcome): void => {
    if (exchange.ended) return;
    exchange.bytes = bytes;
    if (outcome === "client_left") exchange.brokenBy = "client";
    if (outcome === "broken") {
      exchange.brokenBy = "backend";
      this.#observer.failed("reset");
    }
    this.#backends.end(exchange.backend);
    this.#over(exchange);
  };

  #over(exchange: Exchange): void {
    exchange.listener.timeout(exchange.request, this.#idleSeconds);
    this.#observer.ended(exchange);
  }
}
