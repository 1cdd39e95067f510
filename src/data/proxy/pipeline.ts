// The life of a proxied request on one screen: refuse what cannot be forwarded, identify who sent
// it, admit it or not, and relay it to a backend (pick, forward, hand the answer on), observed from
// the first byte to the last. Built once per worker. Outcomes are values all the way; nothing here
// waits but for the backend.

import type { Config } from "../../config.ts";
import { CidrSet } from "../../shared/address.ts";
import type { Clock } from "../../shared/clock.ts";
import type { MetricsTable } from "../../shared/metrics-table.ts";
import type { RetryBudget } from "../../shared/retry-budget.ts";
import type { DeadlineWheel } from "../http1/deadlines.ts";
import type { Exchange as HttpExchange } from "../http1/exchange.ts";
import { type Passage, TAKEN } from "../http1/passage.ts";
import type { Unfit } from "../http1/sayable.ts";
import type { Adoption } from "../sockets/adoption.ts";
import type { SpanRecorder } from "../tracing/exporter.ts";
import type { Tracing } from "../tracing/tracing.ts";
import type { AccessLog } from "./access-log.ts";
import { admitAnonymous, admitClient, type AnonymousBuckets, type ClientBuckets } from "./admit.ts";
import { Attempts, type BackendPool } from "./attempts.ts";
import { Exchange } from "./exchange.ts";
import type { FailureLog } from "./failure-log.ts";
import { FetchRelay } from "./fetch-relay.ts";
import { givenRequestId } from "./headers.ts";
import { identify, locate } from "./identify.ts";
import { Observer } from "./observe.ts";
import { PooledRelay } from "./pooled-relay.ts";
import { refuse } from "./refuse.ts";
import { newRequestIds } from "./request-ids.ts";
import * as responses from "./responses.ts";

export interface PipelineOptions {
  readonly config: Pick<
    Config,
    "allowLinkLocal" | "maxBody" | "timeouts" | "trustedProxies" | "unknownClients"
  >;
  readonly clients: ClientBuckets;
  readonly anonymous: AnonymousBuckets;
  readonly backends: BackendPool;
  readonly retryBudget: RetryBudget;
  readonly metrics: MetricsTable;
  readonly clock: Clock;
  readonly accessLog: AccessLog | null;
  readonly failureLog: FailureLog;
  readonly tracing: Tracing;
  readonly spans: SpanRecorder | null;
  /** Of the connections to backends. */
  readonly deadlines: DeadlineWheel;
  readonly adoption?: Adoption | undefined;
  /** The main thread should look at the backend. */
  readonly onBackendFailed: (slot: number) => void;
  readonly onError: (error: unknown) => void;
}

/** The two transports. Both count, limit, choose and observe alike. */
export interface Pipeline {
  /** Over own connections. Any request. */
  relay(http: HttpExchange): void;
  /** By `fetch`: always TAKEN. */
  fetch(passage: Passage): Response;
  /** Ends a request that `fetch` could not carry unaltered. */
  refuse(http: HttpExchange, unfit: Unfit): void;
}

export function createPipeline(options: PipelineOptions): Pipeline {
  const { config, clients, anonymous, tracing } = options;
  const trusted = new CidrSet(config.trustedProxies);
  const observer = new Observer(options);
  const attempts = new Attempts({ ...options, maxBody: config.maxBody, observer });
  const byFetch = new FetchRelay({ ...options, attempts, observer });
  const pooled = new PooledRelay({ ...options, attempts, observer });
  const arrive = arrivals(options, trusted, observer);

  return {
    relay(http) {
      const exchange = arrive(http);
      const answer = gate(exchange) ?? onward(exchange, http);
      if (answer === null) pooled.send(exchange, http);
      else answerBy(exchange, answer, http);
    },
    fetch(passage) {
      const exchange = arrive(passage.exchange);
      const answer = gate(exchange) ?? onward(exchange, passage.exchange);
      if (answer === null) void byFetch.send(exchange, passage);
      else answerBy(exchange, answer, passage.exchange);
      return TAKEN;
    },
    refuse(http, unfit) {
      const exchange = arrive(http);
      observer.decided(exchange);
      answerBy(exchange, responses.notForwardable(unfit), http);
    },
  };

  /** The answer to a request that goes no further; null for one that was admitted. */
  function gate(exchange: Exchange): responses.OwnAnswer | null {
    const answer = decide(exchange);
    observer.decided(exchange);
    return answer;
  }

  /** The answer to a request for which there is no backend; null for one that has one to try. */
  function onward(exchange: Exchange, { head }: HttpExchange): responses.OwnAnswer | null {
    const answer = attempts.first(exchange);
    // Who is sent to no backend has a place in a trace only for those that look on.
    if (answer === null && !observer.records) tracing.begin(exchange, head.fields);
    return answer;
  }

  function decide(exchange: Exchange): responses.OwnAnswer | null {
    const refusal = refuse(exchange, config.maxBody);
    if (refusal !== null) return refusal;

    const identity = identify(exchange, clients);
    if (identity === "doubled") return responses.DOUBLED_CLIENT_ID;

    if (identity === "anonymous" || !admitClient(exchange, clients)) {
      if (config.unknownClients === "reject") {
        exchange.decision = "rejected";
        return responses.UNKNOWN_CLIENT;
      }
      admitAnonymous(exchange, anonymous);
    }
    if (exchange.decision === "admitted") return null;
    return responses.LIMITED[exchange.slot < 0 ? "anonymous" : "client"];
  }

  function answerBy(exchange: Exchange, answer: responses.OwnAnswer, http: HttpExchange): void {
    const now = observer.answeredOurselves(exchange, answer.status);
    responses.send(answer, exchange, http);
    attempts.over(exchange, now);
  }
}

function arrivals(
  { clock, tracing }: Pick<PipelineOptions, "clock" | "tracing">,
  trusted: CidrSet,
  observer: Observer,
): (http: HttpExchange) => Exchange {
  const nextId = newRequestIds();
  return ({ head, peerAddress }) => {
    const believed = !trusted.empty && trusted.has(peerAddress);
    const exchange = new Exchange(head, clock(), peerAddress, believed);
    locate(exchange, trusted);
    if (believed) exchange.givenId = givenRequestId(exchange);
    if (exchange.givenId === null) nextId(exchange);
    if (observer.records) tracing.begin(exchange, head.fields);
    observer.began();
    return exchange;
  };
}
