// Counts what happened and writes it down: each request is begun once, decided once and ended once,
// with the end of its answer's body. Writes this worker's rows of the tables and hands records to
// the access log.

import type { Clock } from "../../shared/clock.ts";
import { answersTo, counter, type MetricsTable } from "../../shared/metrics-table.ts";
import type { SpanRecorder } from "../tracing/exporter.ts";
import type { AccessLog } from "./access-log.ts";
import type { Decision, Exchange } from "./exchange.ts";
import type { Failure } from "./pick.ts";

const DECIDED: Readonly<Record<Decision, number>> = {
  admitted: counter("requests_admitted"),
  limited: counter("requests_limited"),
  rejected: counter("requests_rejected"),
  bad: counter("requests_bad"),
  answered: counter("requests_answered"),
};
const ANSWERED: Readonly<Record<Decision, number>> = {
  admitted: answersTo("admitted"),
  limited: answersTo("limited"),
  rejected: answersTo("rejected"),
  bad: answersTo("bad_request"),
  answered: answersTo("answered"),
};
/** What the bucket said; no bucket was asked otherwise. */
const LIMITER: Readonly<Record<"client" | "anonymous", Partial<Record<Decision, number>>>> = {
  client: {
    admitted: counter("limiter_client_admitted"),
    limited: counter("limiter_client_limited"),
  },
  anonymous: {
    admitted: counter("limiter_anonymous_admitted"),
    limited: counter("limiter_anonymous_limited"),
  },
};
const CONNECT_FAILED = counter("upstream_connect_failed");
const RESET = counter("upstream_reset");
const TIMEOUT = counter("upstream_timeout");
const NONE_HEALTHY = counter("upstream_none_healthy");
const SATURATED = counter("upstream_saturated");
const RETRIES = counter("upstream_retries");
const RETRIES_REFUSED = counter("upstream_retries_refused");
const CLIENT_ABORTS = counter("client_aborts");

const FAILED: Readonly<Record<Failure, number | null>> = {
  unconnected: CONNECT_FAILED,
  reset: RESET,
  malformed: RESET,
  timeout: TIMEOUT,
  client: null,
  too_large: null,
};

const SECOND = 1e9;

export interface ObserverOptions {
  readonly metrics: MetricsTable;
  readonly clock: Clock;
  readonly accessLog: AccessLog | null;
  /** Null: no spans are recorded. */
  readonly spans: SpanRecorder | null;
}

export class Observer {
  readonly #metrics: MetricsTable;
  readonly #clock: Clock;
  readonly #accessLog: AccessLog | null;
  readonly #spans: SpanRecorder | null;
  /** Somebody looks at exchanges that are over. */
  readonly records: boolean;

  constructor({ metrics, clock, accessLog, spans }: ObserverOptions) {
    this.#metrics = metrics;
    this.#clock = clock;
    this.#accessLog = accessLog;
    this.#spans = spans;
    this.records = accessLog !== null || spans !== null;
  }

  began(): void {
    this.#metrics.began();
  }

  decided(exchange: Exchange): void {
    const { decision, slot } = exchange;
    if (this.records) exchange.keep();
    this.#metrics.add(DECIDED[decision]);
    const column = LIMITER[slot < 0 ? "anonymous" : "client"][decision];
    if (column !== undefined) this.#metrics.add(column);
  }

  failed(failure: Failure): void {
    const column = FAILED[failure];
    if (column !== null) this.#metrics.add(column);
  }

  retried(): void {
    this.#metrics.add(RETRIES);
  }

  /** Another backend was there, the budget of retries was not. */
  retryRefused(): void {
    this.#metrics.add(RETRIES_REFUSED);
  }

  noneHealthy(): void {
    this.#metrics.add(NONE_HEALTHY);
  }

  saturated(): void {
    this.#metrics.add(SATURATED);
  }

  /** A backend's headers are there. */
  answered(exchange: Exchange, status: number): void {
    const { sentAt, startedAt, tried } = exchange;
    const now = this.#clock();
    exchange.status = status;
    exchange.answeredAt = now;
    this.#metrics.observe("upstream", (now - sentAt) / SECOND);
    // Of a later try it would be the backends' time.
    if (tried === null) this.#metrics.observe("own", (sentAt - startedAt) / SECOND);
  }

  /** They go on to the client, or would have, had it not left. Once. */
  handedOn({ decision, method, status }: Exchange): void {
    this.#metrics.response("backend", status);
    this.#metrics.answer(ANSWERED[decision], method, status);
  }

  /** The gateway answers by itself. The time on the clock, ns. */
  answeredOurselves(exchange: Exchange, status: number): number {
    const now = this.#clock();
    exchange.status = status;
    exchange.bytes = null;
    exchange.ownAnswer = true;
    this.#metrics.response("gateway", status);
    this.#metrics.answer(ANSWERED[exchange.decision], exchange.method, status);
    if (exchange.backend < 0) this.#metrics.observe("own", (now - exchange.startedAt) / SECOND);
    return now;
  }

  /** The answer is over. Called once for each exchange; `now` in ns, if somebody knows it. */
  ended(exchange: Exchange, now = this.#clock()): void {
    exchange.ended = true;
    const elapsed = now - exchange.startedAt;
    this.#metrics.ended();
    this.#metrics.observe("request", elapsed / SECOND);
    if (exchange.brokenBy === "client") this.#metrics.add(CLIENT_ABORTS);
    this.#accessLog?.record(exchange, elapsed);
    this.#spans?.record(exchange, elapsed);
  }
}
