// From admission to the end, the same for every transport: picks backends until one answers or
// trying another is not safe, tells the shared table what each try showed, and makes sure that what
// was begun is ended exactly once. Writes the exchange and this worker's row of the backend table.

import type { BackendFailure } from "../../shared/backend-table.ts";
import type { Clock } from "../../shared/clock.ts";
import type { RetryBudget } from "../../shared/retry-budget.ts";
import type { Exchange } from "./exchange.ts";
import type { FailureLog } from "./failure-log.ts";
import type { Observer } from "./observe.ts";
import { type Backends, type Failure, hasAnother, mayTryAnother, pick } from "./pick.ts";
import * as responses from "./responses.ts";

export interface BackendPool extends Backends {
  end(slot: number): void;
  /** True, as with `answered`: the main thread should look at the backend. */
  failed(slot: number, failure: BackendFailure): boolean;
  answered(slot: number, status: number): boolean;
  /** As `failed`. */
  broke(slot: number): boolean;
  answeredWhole(slot: number): void;
  /** Changes when connections made before should not be used for new requests. */
  epoch(slot: number): number;
}

export interface AttemptsOptions {
  readonly backends: BackendPool;
  /** Of the whole gateway. */
  readonly retryBudget: RetryBudget;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly failureLog: FailureLog;
  /** Bytes; 0 means no limit. */
  readonly maxBody: number;
  readonly onBackendFailed: (slot: number) => void;
}

export class Attempts {
  readonly #backends: BackendPool;
  readonly #clock: Clock;
  readonly #observer: Observer;
  readonly #failureLog: FailureLog;
  readonly #maxBody: number;
  readonly #onBackendFailed: (slot: number) => void;
  readonly #retryBudget: RetryBudget;

  constructor(options: AttemptsOptions) {
    this.#backends = options.backends;
    this.#retryBudget = options.retryBudget;
    this.#clock = options.clock;
    this.#observer = options.observer;
    this.#failureLog = options.failureLog;
    this.#maxBody = options.maxBody;
    this.#onBackendFailed = options.onBackendFailed;
  }

  /** Picks the first backend. Null: try it. */
  first(exchange: Exchange): responses.OwnAnswer | null {
    const picked = pick(exchange, this.#backends);
    if (picked === "picked") {
      exchange.sentAt = this.#clock();
      this.#retryBudget.request(exchange.sentAt);
      return null;
    }
    if (picked === "saturated") {
      this.#observer.saturated();
      return responses.SATURATED;
    }
    this.#observer.noneHealthy();
    return responses.NONE_HEALTHY;
  }

  /** After a failed try. Null: another backend is picked, try that. `error` is for the log. */
  next(
    exchange: Exchange,
    failure: Failure,
    replayable: boolean,
    error: string,
  ): responses.OwnAnswer | null {
    const { backend } = exchange;
    this.#release(exchange);
    this.#observer.failed(failure);
    // What the client did wrong says nothing about the backend.
    if (failure !== "client" && failure !== "too_large") {
      this.#failureLog.tell(exchange, failure, error);
      if (this.#backends.failed(backend, failure)) this.#onBackendFailed(backend);
    }
    if (!mayTryAnother(exchange, failure, replayable)) return this.#answerTo(exchange, failure);
    // First, or the budget would be spent where there is nothing to spend it on.
    if (!hasAnother(exchange, this.#backends)) return this.#answerTo(exchange, failure);
    if (!this.#retryBudget.retry(this.#clock())) {
      this.#observer.retryRefused();
      return this.#answerTo(exchange, failure);
    }
    (exchange.tried ??= []).push(backend);
    if (pick(exchange, this.#backends) !== "picked") return this.#answerTo(exchange, failure);
    this.#observer.retried();
    exchange.sentAt = this.#clock();
    return null;
  }

  /** The headers of a backend's answer are there. `Observer.handedOn` follows. */
  answered(exchange: Exchange, status: number): void {
    const { backend } = exchange;
    if (this.#backends.answered(backend, status)) this.#onBackendFailed(backend);
    this.#observer.answered(exchange, status);
  }

  /** The backend broke its answer off. */
  broke(exchange: Exchange, error: string): void {
    const { backend } = exchange;
    exchange.brokenBy = "backend";
    exchange.failure = "reset";
    this.#failureLog.tell(exchange, "reset", error);
    this.#observer.failed("reset");
    if (this.#backends.broke(backend)) this.#onBackendFailed(backend);
  }

  /** The exchange is over; the first call counts. `now` in ns, if somebody knows it. */
  over(exchange: Exchange, now?: number): void {
    if (exchange.ended) return;
    this.#release(exchange);
    const whole = exchange.brokenBy === null && !exchange.ownAnswer && exchange.backend >= 0;
    if (whole) this.#backends.answeredWhole(exchange.backend);
    this.#observer.ended(exchange, now);
  }

  #release(exchange: Exchange): void {
    if (!exchange.begun) return;
    exchange.begun = false;
    this.#backends.end(exchange.backend);
  }

  #answerTo(exchange: Exchange, failure: Failure): responses.OwnAnswer {
    if (failure === "too_large") return responses.bodyTooLarge(this.#maxBody);
    if (failure === "client") {
      exchange.brokenBy = "client";
      return responses.CLIENT_LEFT;
    }
    exchange.failure = failure;
    return failure === "timeout" ? responses.BACKEND_TIMED_OUT : responses.BACKEND_FAILED;
  }
}
