// The proxied path alone, over real tables and real sockets: one thread, no control plane. Tests of
// the data plane start it with the backends and settings they need, over either transport.

import { Elysia } from "elysia";
import { ROUTING } from "../../src/control/routing.ts";
import { createFront, type Transport } from "../../src/data/front.ts";
import { DeadlineWheel, TICK_MS } from "../../src/data/http1/deadlines.ts";
import { asPassage, asRequest } from "../../src/data/http1/passage.ts";
import type { ServerLimits } from "../../src/data/http1/limits.ts";
import { listenHttp } from "../../src/data/http1/server.ts";
import type { Adoption } from "../../src/data/sockets/adoption.ts";
import { type AccessLog, createAccessLog } from "../../src/data/proxy/access-log.ts";
import { FailureLog } from "../../src/data/proxy/failure-log.ts";
import { createPipeline, type PipelineOptions } from "../../src/data/proxy/pipeline.ts";
import type { SpanRecorder } from "../../src/data/tracing/exporter.ts";
import { Tracing } from "../../src/data/tracing/tracing.ts";
import { UnreadLog } from "../../src/data/unread-log.ts";
import { AnonymousTable } from "../../src/shared/anonymous-table.ts";
import { BackendTable } from "../../src/shared/backend-table.ts";
import type { BalancerName } from "../../src/shared/balancing/balancer.ts";
import { ClientTable } from "../../src/shared/client-table.ts";
import { mainClock } from "../../src/shared/clock.ts";
import { LineTurns } from "../../src/shared/line-turns.ts";
import { MetricsTable } from "../../src/shared/metrics-table.ts";
import { RetryBudget } from "../../src/shared/retry-budget.ts";
import { type LogLine, recordedLog } from "./recorded-log.ts";

export interface ProxyOptions {
  readonly backends: readonly string[];
  /** Default `fetch`. */
  readonly transport?: Transport;
  readonly clients?: Readonly<
    Record<string, { capacity: number; ratePerSec: number; tokens?: number }>
  >;
  readonly anonymous?: { capacity: number; ratePerSec: number };
  readonly config?: Partial<PipelineOptions["config"]> & {
    requestMs?: number;
    streamIdleMs?: number;
  };
  readonly limits?: Partial<ServerLimits>;
  /** `false`: there is no access log. */
  readonly log?: false;
  /** Takes the spans; without it, none are recorded. */
  readonly spans?: SpanRecorder;
  /** Where connections go that need not stay with Bun; default: all of them stay. */
  readonly adoption?: Adoption | undefined;
  /** Connection failures that make a backend unhealthy. */
  readonly fall?: number;
  /** Failures of any kind that speak for ejecting a backend. */
  readonly ejectAfter?: number;
  /** Default `round_robin`. */
  readonly balancer?: BalancerName;
}

export interface Proxy extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly clients: ClientTable;
  readonly backends: BackendTable;
  readonly metrics: MetricsTable;
  /** Slots that failures to connect made unhealthy. */
  readonly failedSlots: number[];
  /** What was logged about backends that failed. */
  readonly failureLines: readonly LogLine[];
  /** What was logged about what could not be served. */
  readonly unreadLines: readonly LogLine[];
  /** What nobody expected. */
  readonly errors: unknown[];
  /** Lines of the access log so far, flushed now. */
  logLines(): Record<string, unknown>[];
  /** Settles when nothing is in flight any more, here and at every backend. */
  idle(): Promise<void>;
  /** Stops listening; settles when the last exchange is over. */
  drain(): Promise<void>;
}

/** For tests that hold for both. */
export const TRANSPORTS = ["fetch", "pooled"] as const;

const ROW = { workers: 1 };

export function startProxy(options: ProxyOptions): Proxy {
  const clock = mainClock();
  const clients = new ClientTable(ClientTable.reserve({ maxClients: 1024 }));
  for (const [id, { capacity, ratePerSec, tokens }] of Object.entries(options.clients ?? {})) {
    clients.add(id, { capacity, ratePerSec }, tokens ?? capacity, clock());
  }
  const bucket = options.anonymous ?? { capacity: 1e6, ratePerSec: 1e6 };
  const { adoption, fall = 3, ejectAfter = 0, transport = "fetch" } = options;
  const { balancer = "round_robin" } = options;
  const backends = new BackendTable(
    BackendTable.reserve({ ...ROW, fall, ejectAfter, balancer }),
    0,
  );
  backends.setBackends(options.backends.map((url) => ({ url, weight: 1 })));
  for (const { slot } of backends.snapshot()) backends.setHealthy(slot, true, Date.now());
  const metrics = new MetricsTable(MetricsTable.reserve(ROW), 0);
  let log = "";
  const accessLog: AccessLog = createAccessLog({
    format: "json",
    write: (lines) => (log += Buffer.from(lines).toString()),
  });
  const failures = recordedLog();
  const unreadLog = recordedLog();
  const unread = new UnreadLog(unreadLog.logger, new LineTurns(LineTurns.reserve(), clock));
  const { requestMs = 60_000, streamIdleMs = 60_000, ...config } = options.config ?? {};
  const failedSlots: number[] = [];
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const deadlines = new DeadlineWheel(performance.now());
  const pipeline = createPipeline({
    config: {
      allowLinkLocal: false,
      maxBody: 10_000_000,
      timeouts: { requestMs, streamIdleMs, connectMs: 2000, idleMs: 60_000, drainMs: 30_000 },
      trustedProxies: [],
      unknownClients: "anonymous",
      ...config,
    },
    clients,
    anonymous: new AnonymousTable(AnonymousTable.reserve(bucket)),
    backends,
    retryBudget: new RetryBudget(RetryBudget.reserve({ workers: 1 }), 0),
    metrics,
    clock,
    accessLog: options.log === false ? null : accessLog,
    failureLog: new FailureLog(failures.logger, new LineTurns(LineTurns.reserve(), clock)),
    tracing: new Tracing({
      sampler: "parentbased_always_on",
      ratio: 1,
      recording: options.spans !== undefined,
    }),
    spans: options.spans ?? null,
    deadlines,
    adoption,
    onBackendFailed: (slot) => failedSlots.push(slot),
    onError,
  });
  // Mounted as the gateway mounts it: Elysia must neither read bodies nor touch answers.
  const app = new Elysia(ROUTING).all("/*", ({ request }) => pipeline.fetch(asPassage(request)), {
    parse: "none",
  });
  const front = createFront({
    transport,
    reserved: [],
    // There are none.
    control: (request) => app.fetch(request),
    catchAll: (passage) => app.fetch(asRequest(passage)),
    pipeline,
    onError,
  });
  const server = listenHttp({
    hostname: "127.0.0.1",
    port: 0,
    deadlines,
    handler: front,
    adoption,
    limits: options.limits ?? {},
    onRefused: (status, fault, peerAddress) => {
      metrics.unread(status);
      unread.refused(status, fault, peerAddress);
    },
    onError,
  });
  const ticking = setInterval(() => deadlines.tick(performance.now()), TICK_MS);
  const inFlight = (): number =>
    backends.snapshot().reduce((sum, backend) => sum + backend.inFlight, metrics.inFlight());
  return {
    port: server.port,
    url: `http://127.0.0.1:${server.port}`,
    clients,
    backends,
    metrics,
    failedSlots,
    failureLines: failures.lines,
    unreadLines: unreadLog.lines,
    errors,
    drain: () => server.drain(),
    logLines() {
      accessLog.flush();
      return log
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    },
    async idle() {
      // Nothing announces the end of everything, so this looks repeatedly.
      const until = performance.now() + 3000;
      while (inFlight() !== 0) {
        if (performance.now() > until) throw new Error(`${inFlight()} still in flight`);
        await Bun.sleep(5);
      }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(ticking);
      accessLog.flush();
      server.stop();
    },
  };
}

/** A request for the wire. `Host` is there unless `headers` has one. */
export function requestText(
  line: string,
  headers: Readonly<Record<string, string>> = {},
  body = "",
): string {
  const all = { Host: "gateway.test", ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}
