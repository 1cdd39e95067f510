// The life of a proxied request on one screen: refuse what cannot be forwarded, identify who sent
// it, admit it or not, pick a backend, forward it, hand the answer on, observe the end. Built once
// per worker. Outcomes are values all the way; nothing here waits but for the backend.

import type { Config } from "../../config.ts";
import { CidrSet, normalizeAddress } from "../../shared/address.ts";
import type { Clock } from "../../shared/clock.ts";
import type { MetricsTable } from "../../shared/metrics-table.ts";
import type { AccessLog } from "./access-log.ts";
import {
  admitAnonymous,
  admitClient,
  type AnonymousBuckets,
  type ClientBuckets,
  secondsToWait,
} from "./admit.ts";
import { Deadlines } from "./deadlines.ts";
import { Exchange, type Listener } from "./exchange.ts";
import { type Failure, type Forward, newSession, tryBackend } from "./forward.ts";
import { givenRequestId, prepareRequest, prepareResponse, setOwn } from "./headers.ts";
import { identify } from "./identify.ts";
import { Observer } from "./observe.ts";
import { type Backends, mayTryAnother, pick } from "./pick.ts";
import { refuse } from "./refuse.ts";
import { newRequestIds } from "./request-ids.ts";
import { type BodyOutcome, deliver } from "./response-body.ts";
import * as responses from "./responses.ts";

export interface BackendPool extends Backends {
  begin(slot: number): void;
  end(slot: number): void;
  connectionFailed(slot: number): boolean;
  answered(slot: number): void;
}

export interface PipelineOptions {
  readonly config: Pick<Config, "maxBody" | "timeouts" | "trustedProxies" | "unknownClients">;
  readonly clients: ClientBuckets;
  readonly anonymous: AnonymousBuckets;
  readonly backends: BackendPool;
  readonly metrics: MetricsTable;
  readonly clock: Clock;
  readonly accessLog: AccessLog | null;
  /** This worker's failure to connect has made the backend unhealthy. */
  readonly onBackendFailed: (slot: number) => void;
}

export type Pipeline = (request: Request, listener: Listener) => Response | Promise<Response>;

/** Bun's listener takes no more. */
const MAX_IDLE_SECONDS = 255;

export function createPipeline(options: PipelineOptions): Pipeline {
  const { config, clients, anonymous, backends, clock } = options;
  const trusted = new CidrSet(config.trustedProxies);
  const observer = new Observer(options);
  const nextId = newRequestIds();
  const idleSeconds = Math.min(Math.ceil(config.timeouts.idleMs / 1000), MAX_IDLE_SECONDS);
  const forward: Forward = {
    clock,
    deadlines: new Deadlines(clock, config.timeouts.requestMs),
    maxBody: config.maxBody,
    session: newSession(),
  };

  return (request, listener) => {
    const exchange = arrive(request, listener);
    const refusal = refuse(exchange, config.maxBody);
    if (refusal !== null) return answer(exchange, refusal);

    const identity = identify(exchange, clients, trusted);
    if (identity === "doubled") return answer(exchange, responses.doubledClientId());

    if (identity === "anonymous" || !admitClient(exchange, clients)) {
      if (config.unknownClients === "reject") {
        exchange.decision = "rejected";
        return answer(exchange, responses.unknownClient());
      }
      admitAnonymous(exchange, anonymous);
    }
    if (exchange.decision === "limited") {
      const policy = exchange.clientId === null ? "anonymous" : "client";
      return answer(exchange, responses.limited(policy, secondsToWait()));
    }
    observer.decided(exchange);
    return send(exchange);
  };

  function arrive(request: Request, listener: Listener): Exchange {
    const startedAt = clock();
    const address = listener.requestIP(request)?.address;
    const peer = address === undefined ? null : normalizeAddress(address);
    const believed = !trusted.empty && peer !== null && trusted.has(peer);
    const exchange = new Exchange({ request, listener, startedAt }, peer, believed);
    exchange.requestId = (believed ? givenRequestId(request.headers) : null) ?? nextId();
    observer.began();
    return exchange;
  }

  async function send(exchange: Exchange): Promise<Response> {
    // A slow backend, a quiet stream or a slow upload is no idle connection. Bun applies this to
    // the connection and not to the request, so `over` takes it back.
    exchange.listener.timeout(exchange.request, 0);
    prepareRequest(exchange);
    let origin = pick(exchange, backends);
    if (origin === null) {
      observer.noneHealthy();
      return unserved(exchange, responses.noneHealthy());
    }
    for (;;) {
      const slot = exchange.backend;
      const sentAt = clock();
      backends.begin(slot);
      const outcome = await tryBackend(exchange, origin, forward);
      if (typeof outcome !== "string") {
        backends.answered(slot);
        observer.answered(exchange, outcome.status, sentAt);
        prepareResponse(exchange, outcome.headers);
        return deliver(exchange, outcome, bodyEnded);
      }
      backends.end(slot);
      failed(slot, outcome);
      origin = mayTryAnother(exchange, outcome) ? another(exchange, slot) : null;
      if (origin === null) return unserved(exchange, failureAnswer(exchange, outcome));
    }
  }

  /** Only failures to connect speak of the backend's health: a client can provoke the others. */
  function failed(slot: number, failure: Failure): void {
    observer.failed(failure);
    if (failure === "unconnected" && backends.connectionFailed(slot)) options.onBackendFailed(slot);
  }

  function another(exchange: Exchange, failedSlot: number): string | null {
    (exchange.tried ??= []).push(failedSlot);
    const origin = pick(exchange, backends);
    if (origin !== null) observer.retried();
    return origin;
  }

  function failureAnswer(exchange: Exchange, failure: Failure): Response {
    if (failure === "timeout") return responses.backendTimedOut();
    if (failure === "too_large") return responses.bodyTooLarge(config.maxBody);
    if (failure !== "client") return responses.backendFailed();
    exchange.brokenBy = "client";
    return responses.clientLeft();
  }

  function bodyEnded(exchange: Exchange, bytes: number, outcome: BodyOutcome): void {
    if (exchange.ended) return;
    exchange.bytes = bytes;
    if (outcome === "client_left") exchange.brokenBy = "client";
    if (outcome === "broken") {
      exchange.brokenBy = "backend";
      observer.failed("reset");
    }
    backends.end(exchange.backend);
    over(exchange);
  }

  function over(exchange: Exchange): void {
    exchange.listener.timeout(exchange.request, idleSeconds);
    observer.ended(exchange);
  }

  /** No backend has answered an admitted request. */
  function unserved(exchange: Exchange, response: Response): Response {
    ownAnswer(exchange, response);
    over(exchange);
    return response;
  }

  /** The answer to a request that goes no further. */
  function answer(exchange: Exchange, response: Response): Response {
    observer.decided(exchange);
    ownAnswer(exchange, response);
    observer.ended(exchange);
    return response;
  }

  function ownAnswer(exchange: Exchange, response: Response): void {
    setOwn(exchange, response.headers);
    observer.answeredOurselves(exchange, response.status);
  }
}
