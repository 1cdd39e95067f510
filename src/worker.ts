// Root of one data-plane thread: attaches the shared tables, builds the application, listens on the
// public port beside the other workers, and drains. Only wiring.

import pkg from "../package.json" with { type: "json" };
import { createApp } from "./app.ts";
import { BackendsStandIn } from "./control/backends/stand-in.ts";
import { ControlCalls } from "./control/calls.ts";
import { ClientsStandIn } from "./control/clients/stand-in.ts";
import { ClientRowsReader } from "./control/dashboard/client-rows.ts";
import { Feed } from "./control/dashboard/feed.ts";
import { metricsText } from "./control/metrics/text.ts";
import { UsageStandIn } from "./control/usage/stand-in.ts";
import { type AccessLog, createAccessLog } from "./data/proxy/access-log.ts";
import { createExplain } from "./data/proxy/explain.ts";
import { createPipeline } from "./data/proxy/pipeline.ts";
import { AnonymousTable } from "./shared/anonymous-table.ts";
import { BackendTable } from "./shared/backend-table.ts";
import { BusyAddresses } from "./shared/busy-addresses.ts";
import { ClientTable } from "./shared/client-table.ts";
import { calibrate, type ClockPong, workerClock } from "./shared/clock.ts";
import { HistoryTable } from "./shared/history-table.ts";
import { LineBatch } from "./shared/line-batch.ts";
import { createLogger } from "./shared/log.ts";
import type { FromWorker, ToWorker } from "./shared/messages.ts";
import { MetricsTable } from "./shared/metrics-table.ts";
import { ProcessState } from "./shared/process-state.ts";

declare const self: Worker;

type Start = Extract<ToWorker, { type: "start" }>;
type App = ReturnType<typeof createApp>;

const post = (message: FromWorker): void => self.postMessage(message);
const lines = new LineBatch((batch) => post({ type: "log", lines: batch }));
const calls = new ControlCalls(post);
const pongs = new Map<number, (pong: ClockPong) => void>();
let app: App | null = null;
let config: Start["config"] | null = null;
let accessLog: AccessLog | null = null;
let feed: Feed | null = null;

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  switch (data.type) {
    case "start":
      void start(data);
      break;
    case "listen":
      listen(data.host, data.port);
      break;
    case "control-reply":
      calls.settle(data.call, data.result);
      break;
    case "clock-pong":
      pongs.get(data.ping)?.(data);
      pongs.delete(data.ping);
      break;
    case "drain":
      void drain();
      break;
  }
};

async function start({ worker, tables, ...message }: Start): Promise<void> {
  config = message.config;
  const { level, format, access } = config.log;
  const log = createLogger({ level, format, component: "worker", writer: lines });
  const { offset } = await calibrate(async ({ ping }) => {
    const pong = Promise.withResolvers<ClockPong>();
    pongs.set(ping, pong.resolve);
    post({ type: "clock-ping", ping });
    return await pong.promise;
  });
  const clock = workerClock(offset);
  const clients = new ClientsStandIn(calls);
  const table = new ClientTable(tables.clients);
  const anonymous = new AnonymousTable(tables.anonymous);
  const backends = new BackendTable(tables.backends, worker);
  const metrics = new MetricsTable(tables.metrics, worker);
  const state = new ProcessState(tables.state);
  if (access) accessLog = createAccessLog({ format, write: (batch) => lines.write(batch) });
  const proxy = createPipeline({
    config,
    clients: table,
    anonymous: new BusyAddresses(tables.busyAddresses, worker).watch(anonymous),
    backends,
    metrics,
    clock,
    accessLog,
    onBackendFailed: (slot) => post({ type: "backend-failed", slot }),
  });
  feed = new Feed({
    metrics,
    state,
    history: new HistoryTable(tables.history),
    backends: () => backends.snapshot(),
    clients: () => table.size,
    anonymous: () => anonymous.numbers(),
    version: pkg.version,
    workers: config.workers,
    database: config.database.kind,
  });
  app = createApp({
    proxy,
    clients,
    backendChanges: new BackendsStandIn(calls),
    usage: new UsageStandIn(calls),
    explain: createExplain({ config, clients: table, anonymous, backends, clock }),
    dashboard: { feed, rows: new ClientRowsReader({ table, clients, clock }) },
    log,
    admin: config.admin,
    version: pkg.version,
    readiness: () => state.readiness(backends.healthyCount()),
    backends: () => backends.snapshot(),
    metrics: (format) =>
      metricsText(format, {
        metrics,
        backends,
        state,
        clients: () => table.size,
        maxClients: tables.clients.maxClients,
        clientsGivenUp: () => table.givenUp,
        anonymous: () => anonymous.numbers(),
        version: pkg.version,
      }),
  });
  post({ type: "loaded" });
}

function listen(hostname: string, port: number): void {
  try {
    app!.listen({
      hostname,
      port,
      reusePort: true,
      idleTimeout: Math.min(Math.ceil(config!.timeouts.idleMs / 1000), 255),
      // MAX_BODY is enforced by the pipeline, which can say so in a problem body.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      development: false,
    });
    post({ type: "listening" });
  } catch (error) {
    post({ type: "failed", message: error instanceof Error ? error.message : String(error) });
  }
}

/** Resolves in silence: the main thread bounds how long it waits. */
async function drain(): Promise<void> {
  feed?.close();
  await app?.server?.stop(false);
  accessLog?.flush();
  lines.flush();
  post({ type: "drained" });
}
