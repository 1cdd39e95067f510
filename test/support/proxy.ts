// The proxied path alone, over real tables and real sockets: one thread, no control plane. Tests of
// the data plane start it with the backends and settings they need.

import { type AccessLog, createAccessLog } from "../../src/data/proxy/access-log.ts";
import { createPipeline, type PipelineOptions } from "../../src/data/proxy/pipeline.ts";
import { AnonymousTable } from "../../src/shared/anonymous-table.ts";
import { BackendTable } from "../../src/shared/backend-table.ts";
import { ClientTable } from "../../src/shared/client-table.ts";
import { mainClock } from "../../src/shared/clock.ts";
import { MetricsTable } from "../../src/shared/metrics-table.ts";

export interface ProxyOptions {
  readonly backends: readonly string[];
  readonly clients?: Readonly<
    Record<string, { capacity: number; ratePerSec: number; tokens?: number }>
  >;
  readonly anonymous?: { capacity: number; ratePerSec: number };
  readonly config?: Partial<PipelineOptions["config"]> & { requestMs?: number };
  /** Seconds that a connection may be idle. */
  readonly idleTimeout?: number;
  /** Connection failures that make a backend unhealthy. */
  readonly fall?: number;
  /** Failures of any kind that speak for ejecting a backend. */
  readonly ejectAfter?: number;
  readonly server?: (
    handler: (request: Request, server: Bun.Server<undefined>) => Response | Promise<Response>,
  ) => Bun.Server<undefined>;
}

export interface Proxy extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly clients: ClientTable;
  readonly backends: BackendTable;
  readonly metrics: MetricsTable;
  /** Slots that failures to connect made unhealthy. */
  readonly failedSlots: number[];
  /** Lines of the access log so far, flushed now. */
  logLines(): Record<string, unknown>[];
  /** Settles when nothing is in flight any more, here and at every backend. */
  idle(): Promise<void>;
}

const ROW = { workers: 1 };

export function startProxy(options: ProxyOptions): Proxy {
  const clock = mainClock();
  const clients = new ClientTable(ClientTable.reserve({ maxClients: 1024 }));
  for (const [id, { capacity, ratePerSec, tokens }] of Object.entries(options.clients ?? {})) {
    clients.add(id, { capacity, ratePerSec }, tokens ?? capacity, clock());
  }
  const bucket = options.anonymous ?? { capacity: 1e6, ratePerSec: 1e6 };
  const { fall = 3, ejectAfter = 0 } = options;
  const backends = new BackendTable(BackendTable.reserve({ ...ROW, fall, ejectAfter }), 0);
  backends.setBackends(options.backends.map((url) => ({ url, weight: 1 })));
  for (const { slot } of backends.snapshot()) backends.setHealthy(slot, true, Date.now());
  const metrics = new MetricsTable(MetricsTable.reserve(ROW), 0);
  let log = "";
  const accessLog: AccessLog = createAccessLog({
    format: "json",
    write: (lines) => (log += lines),
  });
  const { requestMs = 60_000, ...config } = options.config ?? {};
  const { idleTimeout = 60 } = options;
  const failedSlots: number[] = [];
  const handler = createPipeline({
    config: {
      maxBody: 10_000_000,
      timeouts: { requestMs, connectMs: 2000, idleMs: idleTimeout * 1000, drainMs: 30_000 },
      trustedProxies: [],
      unknownClients: "anonymous",
      ...config,
    },
    clients,
    anonymous: new AnonymousTable(AnonymousTable.reserve(bucket)),
    backends,
    metrics,
    clock,
    accessLog,
    onBackendFailed: (slot) => failedSlots.push(slot),
  });
  const serve =
    options.server ??
    ((fetch) =>
      Bun.serve<undefined>({
        hostname: "127.0.0.1",
        port: 0,
        idleTimeout,
        maxRequestBodySize: Number.MAX_SAFE_INTEGER,
        fetch,
      }));
  const server = serve(handler);
  const inFlight = (): number =>
    backends.snapshot().reduce((sum, backend) => sum + backend.inFlight, metrics.inFlight());
  return {
    port: server.port!,
    url: `http://127.0.0.1:${server.port}`,
    clients,
    backends,
    metrics,
    failedSlots,
    logLines() {
      accessLog.flush();
      return log
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    },
    async idle() {
      // Nothing announces the end of a stream that Bun has torn down, so this looks repeatedly.
      const until = performance.now() + 3000;
      while (inFlight() !== 0) {
        if (performance.now() > until) throw new Error(`${inFlight()} still in flight`);
        await Bun.sleep(5);
      }
    },
    async [Symbol.asyncDispose]() {
      accessLog.flush();
      await server.stop(true);
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
