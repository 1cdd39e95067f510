// The life of a proxied request on one screen: refuse what cannot be forwarded, identify who sent
// it, admit it or not, and relay it to a backend (pick, forward, hand the answer on), observed from
// the first byte to the last. Built once per worker. Outcomes are values all the way; nothing here
// waits but for the backend.

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
import { Exchange, type Listener } from "./exchange.ts";
import { givenRequestId, setOwn } from "./headers.ts";
import { identify } from "./identify.ts";
import { Observer } from "./observe.ts";
import { refuse } from "./refuse.ts";
import { type BackendPool, Relay } from "./relay.ts";
import { newRequestIds } from "./request-ids.ts";
import { doubledClientId, limited, unknownClient } from "./responses.ts";

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

export function createPipeline(options: PipelineOptions): Pipeline {
  const { config, clients, anonymous } = options;
  const trusted = new CidrSet(config.trustedProxies);
  const observer = new Observer(options);
  const relay = new Relay({ ...options, observer });
  const arrive = arrivals(options.clock, trusted);

  return (request, listener) => {
    const exchange = arrive(request, listener);
    observer.began();
    const answer = gate(exchange);
    observer.decided(exchange);
    if (answer === null) return relay.send(exchange);
    setOwn(exchange, answer.headers);
    observer.answeredOurselves(exchange, answer.status);
    observer.ended(exchange);
    return answer;
  };

  /** The answer to a request that goes no further; null for one that was admitted. */
  function gate(exchange: Exchange): Response | null {
    const refusal = refuse(exchange, config.maxBody);
    if (refusal !== null) return refusal;

    const identity = identify(exchange, clients, trusted);
    if (identity === "doubled") return doubledClientId();

    if (identity === "anonymous" || !admitClient(exchange, clients)) {
      if (config.unknownClients === "reject") {
        exchange.decision = "rejected";
        return unknownClient();
      }
      admitAnonymous(exchange, anonymous);
    }
    if (exchange.decision === "admitted") return null;
    return limited(exchange.clientId === null ? "anonymous" : "client", secondsToWait());
  }
}

function arrivals(clock: Clock, trusted: CidrSet): (r: Request, l: Listener) => Exchange {
  const nextId = newRequestIds();
  return (request, listener) => {
    const startedAt = clock();
    const address = listener.requestIP(request)?.address;
    const peer = address === undefined ? null : normalizeAddress(address);
    const believed = !trusted.empty && peer !== null && trusted.has(peer);
    const exchange = new Exchange({ request, listener, startedAt }, peer, believed);
    exchange.requestId = (believed ? givenRequestId(request.headers) : null) ?? nextId();
    return exchange;
  };
}
