// Root of one data-plane thread: attaches the shared tables, builds the application, listens on the
// public port beside the other workers, and drains. Only wiring.

import pkg from "../package.json" with { type: "json" };
import { createApp, describe } from "./app.ts";
import { BackendsStandIn } from "./control/backends/stand-in.ts";
import { ControlCalls } from "./control/calls.ts";
import { ClientsStandIn } from "./control/clients/stand-in.ts";
import { ClientRowsReader } from "./control/dashboard/client-rows.ts";
import { Feed } from "./control/dashboard/feed.ts";
import { CONTROL_PREFIXES } from "./control/routes.ts";
import { Collection } from "./data/collection.ts";
import { createFront } from "./data/front.ts";
import { DeadlineWheel, TICK_MS } from "./data/http1/deadlines.ts";
import { asPassage, asRequest, type Passage } from "./data/http1/passage.ts";
import { type HttpServer, listenHttp, type OnRefused } from "./data/http1/server.ts";
import { UsageStandIn } from "./control/usage/stand-in.ts";
import { type AccessLog, createAccessLog } from "./data/proxy/access-log.ts";
import { createExplain } from "./data/proxy/explain.ts";
import { FailureLog } from "./data/proxy/failure-log.ts";
import { createPipeline } from "./data/proxy/pipeline.ts";
import { Adoption } from "./data/sockets/adoption.ts";
import type { OpenSocketLoop } from "./data/sockets/loop.ts";
import type { SpanRecorder } from "./data/tracing/exporter.ts";
import { Tracing } from "./data/tracing/tracing.ts";
import { UnreadLog } from "./data/unread-log.ts";
import { CidrSet } from "./shared/address.ts";
import { AnonymousTable } from "./shared/anonymous-table.ts";
import { BackendTable } from "./shared/backend-table.ts";
import { BusyAddresses } from "./shared/busy-addresses.ts";
import { ClientTable } from "./shared/client-table.ts";
import { calibrate, type ClockPing, type ClockPong, workerClock } from "./shared/clock.ts";
import { ConnectionTable } from "./shared/connection-table.ts";
import { DescriptorTable } from "./shared/descriptor-table.ts";
import { HistoryTable } from "./shared/history-table.ts";
import { LineBatch } from "./shared/line-batch.ts";
import { LineTurns } from "./shared/line-turns.ts";
import { createLogger, type Logger } from "./shared/log.ts";
import type { FromWorker, ToWorker } from "./shared/messages.ts";
import { MetricsTable } from "./shared/metrics-table.ts";
import { ProcessState } from "./shared/process-state.ts";
import { RetryBudget } from "./shared/retry-budget.ts";

declare const self: Worker;

type Start = Extract<ToWorker, { type: "start" }>;
type Listen = Extract<ToWorker, { type: "listen" }>;

/** How long a WebSocket may go on in a stop. */
const LONGEST_TUNNEL_DRAIN_MS = 5000;

const post = (message: FromWorker): void => self.postMessage(message);
const lines = new LineBatch((batch) => post({ type: "log", lines: batch }));
const postLines = (batch: Uint8Array<ArrayBuffer>): void =>
  self.postMessage({ type: "log", lines: batch } satisfies FromWorker, [batch.buffer]);
const calls = new ControlCalls(post);
const pongs = new Map<number, (pong: ClockPong) => void>();
const deadlines = new DeadlineWheel(performance.now());
const adoption = new Adoption();
const collection = new Collection();
let front: ReturnType<typeof createFront> | null = null;
let server: HttpServer | null = null;
let census: ConnectionTable | null = null;
let onRefused: OnRefused = () => undefined;
let onError: (error: unknown) => void = () => undefined;
let descriptors: DescriptorTable | null = null;
let config: Start["config"] | null = null;
let accessLog: AccessLog | null = null;
let spans: SpanRecorder | null = null;
let feed: Feed | null = null;
/** Opened when there is a socket by which Bun's loop can be found. */
let openLoop: OpenSocketLoop | null = null;

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  switch (data.type) {
    case "start":
      void start(data);
      break;
    case "listen":
      listen(data);
      break;
    case "control-reply":
      calls.settle(data.call, data.result);
      break;
    case "clock-pong":
      pongs.get(data.ping)?.(data);
      pongs.delete(data.ping);
      break;
    case "hold":
      server?.hold();
      // A request that has begun may be on its way to its bucket, no further than this turn.
      setImmediate(() => post({ type: "held" }));
      break;
    case "release":
      server?.release();
      break;
    case "hand-over":
      feed?.close();
      server?.handOver(data.target);
      break;
    case "leave-port":
      void leavePort();
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
  // The main thread answers when it has opened the database: what follows is ready by then.
  const { clock, set } = workerClock();
  const calibrated = calibrate(askMain);
  const loop = import("./data/sockets/loop.ts");
  const clients = new ClientsStandIn(calls);
  const table = new ClientTable(tables.clients);
  const anonymous = new AnonymousTable(tables.anonymous);
  const backends = new BackendTable(tables.backends, worker);
  const metrics = new MetricsTable(tables.metrics, worker);
  const unread = new UnreadLog(log.child("http"), new LineTurns(tables.turns.unread, clock));
  onRefused = (status, fault, peerAddress) => {
    metrics.unread(status);
    unread.refused(status, fault, peerAddress);
  };
  const state = new ProcessState(tables.state);
  census = new ConnectionTable(tables.connections, worker, new CidrSet(config.trustedProxies));
  descriptors = new DescriptorTable(tables.descriptors, worker);
  if (access) accessLog = createAccessLog({ format, write: postLines });
  if (config.tracing.endpoint !== null) spans = await startSpans(config.tracing, worker, log);
  onError = (error) => log.error("unexpected error", describe(error));
  const pipeline = createPipeline({
    config,
    clients: table,
    anonymous: new BusyAddresses(tables.busyAddresses, worker).watch(anonymous),
    backends,
    retryBudget: new RetryBudget(tables.retryBudget, worker),
    metrics,
    clock,
    accessLog,
    failureLog: new FailureLog(
      log.child("load_balancer"),
      new LineTurns(tables.turns.upstream, clock),
    ),
    tracing: new Tracing({ ...config.tracing, recording: spans !== null }),
    spans,
    deadlines,
    adoption,
    onBackendFailed: (slot) => post({ type: "backend-failed", slot }),
    onError,
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
  const passages = new WeakMap<Request, Passage>();
  const app = createApp({
    proxy: (request) => pipeline.fetch(asPassage(request)),
    peerOf: (request) => passages.get(request)?.exchange.peerAddress ?? null,
    clients,
    backendChanges: new BackendsStandIn(calls),
    usage: new UsageStandIn(calls),
    explain: createExplain({
      config,
      reserved: CONTROL_PREFIXES,
      clients: table,
      anonymous,
      backends,
      clock,
    }),
    dashboard: { feed, rows: new ClientRowsReader({ table, clients, clock }) },
    log,
    accessTurns: new LineTurns(tables.turns.access, clock),
    admin: config.admin,
    version: pkg.version,
    readiness: () => state.readiness(backends.openCount()),
    backends: () => backends.snapshot(),
    metrics: async (format) => {
      // Loaded when somebody looks, with what reads the process's own numbers.
      const { metricsText } = await import("./control/metrics/text.ts");
      return metricsText(format, {
        metrics,
        backends,
        state,
        clients: () => table.size,
        maxClients: tables.clients.maxClients,
        clientsGivenUp: () => table.givenUp,
        anonymous: () => anonymous.numbers(),
        connections: () => census!.total(),
        version: pkg.version,
      });
    },
  });
  front = createFront({
    transport: config.transport,
    reserved: CONTROL_PREFIXES,
    control: (request, passage) => {
      passages.set(request, passage);
      return app.fetch(request);
    },
    catchAll: (passage) => app.fetch(asRequest(passage)),
    pipeline,
    onError,
  });
  set((await calibrated).offset);
  openLoop = (await loop).prepareSocketLoop();
  post({ type: "loaded" });
}

async function askMain({ ping }: ClockPing): Promise<ClockPong> {
  const pong = Promise.withResolvers<ClockPong>();
  pongs.set(ping, pong.resolve);
  post({ type: "clock-ping", ping });
  return await pong.promise;
}

async function startSpans(
  { endpoint, serviceName }: Start["config"]["tracing"],
  worker: number,
  log: Logger,
): Promise<SpanRecorder> {
  // The library is loaded only where it is used.
  const { startExport } = await import("./data/tracing/exporter.ts");
  const instance = `${process.pid}-${worker}`;
  const { version } = pkg;
  return startExport({ endpoint: endpoint!, serviceName, version, instance, log });
}

function listen({ host, port, listeners, handoverSecret }: Listen): void {
  const { timeouts } = config!;
  try {
    server = listenHttp({
      hostname: host,
      port,
      reusePort: true,
      listeners,
      handoverSecret,
      deadlines,
      adoption,
      limits: {
        idleMs: timeouts.idleMs,
        tunnelDrainMs: Math.min(timeouts.drainMs / 2, LONGEST_TUNNEL_DRAIN_MS),
        connections: config!.connections.most,
        connectionsPerAddress: config!.connections.mostPerAddress,
      },
      census: census!,
      handler: front!,
      onRefused,
      onError,
    });
    setInterval(tick, TICK_MS);
    post({ type: "listening", handoverPort: server.handoverPort });
    adoption.loop = openLoop!(server.fd, descriptors!);
  } catch (error) {
    post({ type: "failed", message: error instanceof Error ? error.message : String(error) });
  }
}

function tick(): void {
  deadlines.tick(performance.now());
  if (server !== null) collection.look(server);
}

async function leavePort(): Promise<void> {
  const empty = server?.leavePort();
  post({ type: "left-port" });
  await empty;
  post({ type: "empty" });
}

/** Resolves in silence: the main thread bounds how long it waits. */
async function drain(): Promise<void> {
  feed?.close();
  await server?.drain();
  accessLog?.flush();
  await spans?.close();
  lines.flush();
  post({ type: "drained" });
}
