// Root of the main thread, the control plane: database → tables → workers → health → traffic, and
// the same way back at the end. Only wiring; what each part does stands in its own file.

import pkg from "../package.json" with { type: "json" };
import type { Config } from "./config.ts";
import { ClientsService } from "./control/clients/service.ts";
import { Sampler } from "./control/dashboard/sampler.ts";
import { openStore, type Store } from "./control/db/store.ts";
import { HealthLoop } from "./control/health/loop.ts";
import { type Address, claimAddress } from "./control/listener.ts";
import { Persistence } from "./control/persistence.ts";
import { recordFlush } from "./control/metrics/flush.ts";
import { answerControlCall } from "./control/answer.ts";
import { NameWatch } from "./control/backends/names.ts";
import { BackendsService } from "./control/backends/service.ts";
import { Shutdown } from "./control/shutdown.ts";
import { Supervisor } from "./control/supervisor.ts";
import { ControlDesk } from "./control/takeover/control-desk.ts";
import type { Incumbent } from "./control/takeover/incumbent.ts";
import { meetingPlace } from "./control/takeover/meeting-place.ts";
import { PROTOCOL } from "./control/takeover/protocol.ts";
import { configuredAddress, databaseName } from "./control/takeover/identity.ts";
import type { Successor } from "./control/takeover/successor.ts";
import { UsageMeter } from "./control/usage/meter.ts";
import { UsageService } from "./control/usage/service.ts";
import { AnonymousTable } from "./shared/anonymous-table.ts";
import { exportBuckets, importBuckets, seedOf } from "./shared/anonymous-transfer.ts";
import { BackendTable } from "./shared/backend-table.ts";
import { BusyAddresses } from "./shared/busy-addresses.ts";
import { ClientTable } from "./shared/client-table.ts";
import { answerClockPing, mainClock } from "./shared/clock.ts";
import { ConnectionTable } from "./shared/connection-table.ts";
import { HistoryTable } from "./shared/history-table.ts";
import type { LineWriter, Logger } from "./shared/log.ts";
import type { FromWorker, SharedTables, ToWorker } from "./shared/messages.ts";
import { counter, MetricsTable } from "./shared/metrics-table.ts";
import { DRAINING, ProcessState, READY } from "./shared/process-state.ts";
import { EXIT, type ExitCode } from "./shared/start-error.ts";

const WORKER_RESTARTS = counter("worker_restarts");
/** A slow backend may hold up the first look at all of them; the listener waits no longer for it. */
const LISTEN_AFTER_MS = 250;
/** Connections that are not used for so long after a hand-over are closed. */
const IDLE_AFTER_HANDOVER_MS = 10_000;
/** How long the last flush may take. */
const LAST_FLUSH_MS = 10_000;

export interface RunOptions {
  readonly log: Logger;
  /** Where the workers' log lines go. */
  readonly output: LineWriter;
  /** Replace the gateway that runs on this port and database, if there is one. */
  readonly takeover?: boolean;
  /** Called once, when the public port answers. */
  readonly onListening?: (address: Address) => void;
}

/** Runs the gateway until it is told to stop. Throws `StartError` when it cannot start. */
export async function run(config: Config, options: RunOptions): Promise<ExitCode> {
  const { log, takeover = false } = options;
  const successor = takeover ? await findPredecessor(config, log) : null;
  const address = successor?.presence ?? (await claimAddress(config.host, config.port));
  // What another gateway holds is locked when that one lets go of it.
  const locked = successor === null;
  const store = await openStore(config.database, { log: log.child("database"), locked });
  try {
    return await new Gateway(config, options, store, successor).run(address);
  } finally {
    await store.close();
  }
}

/** Loaded when it is asked for. */
async function findPredecessor(config: Config, log: Logger): Promise<Successor | null> {
  const { Successor } = await import("./control/takeover/successor.ts");
  return await Successor.find(config, log);
}

class Gateway {
  readonly #config: Config;
  readonly #options: RunOptions;
  readonly #tables: SharedTables;
  readonly #state: ProcessState;
  readonly #metrics: MetricsTable;
  readonly #backends: BackendTable;
  readonly #clients: ClientsService;
  readonly #meter: UsageMeter;
  readonly #usage: UsageService;
  readonly #persistence: Persistence;
  readonly #health: HealthLoop;
  readonly #names: NameWatch;
  readonly #backendChanges: BackendsService;
  readonly #sampler: Sampler;
  readonly #supervisor: Supervisor;
  readonly #store: Store;
  readonly #desk: ControlDesk;
  readonly #successor: Successor | null;

  constructor(config: Config, options: RunOptions, store: Store, successor: Successor | null) {
    const { log } = options;
    this.#config = config;
    this.#options = options;
    this.#store = store;
    this.#successor = successor;
    this.#tables = reserveTables(config, successor?.presence.seed);
    this.#state = new ProcessState(this.#tables.state);
    this.#metrics = new MetricsTable(this.#tables.metrics);
    this.#backends = new BackendTable(this.#tables.backends);
    const clock = mainClock();
    const table = new ClientTable(this.#tables.clients);
    const { maxClients } = this.#tables.clients;
    this.#meter = new UsageMeter({ table, maxClients, clock });
    this.#clients = new ClientsService({
      store,
      table,
      memory: this.#tables.clients,
      clock,
      onAdded: (slot, now) => this.#meter.opened(slot, now),
      log: log.child("clients"),
    });
    this.#usage = new UsageService({
      table,
      meter: this.#meter,
      addresses: new BusyAddresses(this.#tables.busyAddresses),
      refill: (clientId) => this.#clients.refill(clientId),
      clock,
    });
    this.#persistence = new Persistence({
      store,
      registry: this.#clients.registry,
      intervalMs: config.flushIntervalMs,
      log,
      onFlush: (report) => recordFlush(report, this.#metrics, this.#state),
    });
    this.#health = new HealthLoop({
      table: this.#backends,
      settings: config.health,
      ejection: config.ejection,
      log,
    });
    const { allowLinkLocal, backends: seed } = config;
    this.#names = new NameWatch({ table: this.#backends, allowLinkLocal, log });
    this.#backendChanges = new BackendsService({
      store,
      table: this.#backends,
      seed,
      health: this.#health,
      names: this.#names,
      log,
    });
    this.#sampler = new Sampler({
      metrics: this.#metrics,
      history: new HistoryTable(this.#tables.history),
    });
    const ports = { clients: this.#clients, backends: this.#backendChanges, usage: this.#usage };
    this.#desk = new ControlDesk((call) => answerControlCall(ports, call, log));
    this.#supervisor = new Supervisor({
      workers: config.workers,
      // Must stand in a file beside the entry point: elsewhere it works from source and fails in
      // the compiled executable.
      spawn: () => new Worker(new URL("./worker.ts", import.meta.url)),
      startMessage: (worker) => ({ type: "start", worker, config, tables: this.#tables }),
      onMessage: (message, reply) => this.#heard(message, reply),
      onDeath: (worker) => this.#workerDied(worker),
      onListening: (count) => this.#state.setWorkers(count, count),
      log,
    });
  }

  async run(address: Address): Promise<ExitCode> {
    const { log, onListening } = this.#options;
    const shutdown = new Shutdown(log);
    this.#metrics.set("started_at", Date.now() / 1000);
    this.#state.setDatabaseUp(true);
    this.#supervisor.start();
    const { host, port } = address;
    const counts = this.#successor
      ? await this.#takeOver(this.#successor)
      : await this.#startAlone({ host, port });
    this.#persistence.start();
    this.#sampler.start(mainClock());
    this.#meter.start();
    const incumbent = await this.#makeReplaceable({ host, port });
    const { workers, database, timeouts } = this.#config;
    log.info("listening", { host, port, workers, ...counts, database: database.kind });
    onListening?.({ host, port });
    await Promise.race([this.#health.firstRound(), shutdown.requested]);
    this.#state.enter(READY);
    const replaced = incumbent.replaced.then(() => true);
    const handedOver = await Promise.race([replaced, shutdown.requested.then(() => false)]);
    if (handedOver) {
      // A client that keeps a connection open is passed on when it uses it.
      const patience = Math.min(timeouts.drainMs, IDLE_AFTER_HANDOVER_MS);
      await Promise.race([this.#supervisor.empty(patience), shutdown.requested]);
    }
    return await this.#stop(incumbent);
  }

  async #startAlone({ host, port }: Address): Promise<Counts> {
    const backends = await this.#backendChanges.start();
    const clients = await this.#clients.start();
    await Promise.race([this.#health.firstRound(), Bun.sleep(LISTEN_AFTER_MS)]);
    await this.#supervisor.listen({ host, port });
    return { backends, clients };
  }

  /** Everything that takes time comes before the freeze: from there to the opening requests wait. */
  async #takeOver(successor: Successor): Promise<Counts> {
    const { host, port, listeners } = successor.presence;
    await this.#backendChanges.start();
    await Promise.all([this.#supervisor.loaded(), this.#health.firstRound()]);
    const { anonymous } = await successor.freeze();
    const frozenAt = performance.now();
    this.#store.lock();
    // Once more: they may have been changed until now.
    const backends = await this.#backendChanges.start();
    const clients = await this.#clients.start();
    const passedMs = performance.now() - frozenAt;
    importBuckets(this.#tables.anonymous, anonymous, mainClock()(), passedMs);
    const handoverSecret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex");
    await this.#supervisor.listen({ host, port, listeners, handoverSecret });
    successor.onControl = async (call) => {
      const reply = await this.#desk.answer({ ...call, type: "control-call", call: 0 });
      if (reply.type !== "control-reply") throw new Error("no reply");
      return reply.result;
    };
    await successor.open({ ports: this.#supervisor.handoverPorts, secret: handoverSecret });
    void successor.settle(this.#supervisor.listeners);
    return { backends, clients };
  }

  async #makeReplaceable({ host, port }: Address): Promise<Incumbent> {
    // `node:net`, which it needs, takes 8 ms to load: after the first requests are served.
    const { Incumbent } = await import("./control/takeover/incumbent.ts");
    const { database, ...config } = this.#config;
    const incumbent = new Incumbent({
      place: () => meetingPlace({ database, host: config.host, port }),
      present: () => ({
        protocol: PROTOCOL,
        version: pkg.version,
        pid: process.pid,
        configured: configuredAddress(config),
        host,
        port,
        listeners: this.#supervisor.listeners,
        database: databaseName(database),
        seed: seedOf(this.#tables.anonymous),
      }),
      supervisor: this.#supervisor,
      desk: this.#desk,
      persistence: this.#persistence,
      store: this.#store,
      anonymous: () => exportBuckets(this.#tables.anonymous, mainClock()()),
      log: this.#options.log,
    });
    incumbent.start();
    return incumbent;
  }

  async #stop(incumbent: Incumbent): Promise<ExitCode> {
    const { log } = this.#options;
    const { drainMs } = this.#config.timeouts;
    await incumbent.stop();
    this.#state.enter(DRAINING);
    log.info("draining", { in_flight: this.#metrics.inFlight(), timeout_ms: drainMs });
    const drained = await this.#supervisor.drain(drainMs);
    if (!drained) log.warn("drain timed out", { cut_off: this.#metrics.inFlight() });
    this.#backendChanges.stop();
    this.#names.stop();
    this.#health.stop();
    this.#sampler.stop();
    this.#meter.stop();
    this.#supervisor.terminate();
    // What this process knows of the buckets is old once another one decides.
    const saved = incumbent.opened || (await this.#persistence.stop(LAST_FLUSH_MS));
    await this.#clients.stop();
    log.info("stopped");
    return drained && saved ? EXIT.ok : EXIT.failed;
  }

  #heard(message: FromWorker, reply: (message: ToWorker) => void): void {
    switch (message.type) {
      case "clock-ping":
        return reply({ type: "clock-pong", ...answerClockPing(message) });
      case "log":
        return this.#options.output.write(message.lines);
      case "backend-failed":
        return this.#health.backendFailed(message.slot);
      case "control-call":
        void this.#desk.answer(message).then(reply);
    }
  }

  #workerDied(worker: number): void {
    this.#backends.clearWorker(worker);
    this.#metrics.clearWorker(worker);
    new ConnectionTable(this.#tables.connections).clearWorker(worker);
    this.#metrics.add(WORKER_RESTARTS);
  }
}

interface Counts {
  readonly backends: number;
  readonly clients: number;
}

/** `seed`: that of the anonymous buckets to take over. */
function reserveTables(config: Config, seed: readonly number[] | undefined): SharedTables {
  const { anonymous, balancer, ejection, health, workers } = config;
  return {
    clients: ClientTable.reserve(),
    anonymous: AnonymousTable.reserve({ ...anonymous, seed }),
    busyAddresses: BusyAddresses.reserve({ workers }),
    backends: BackendTable.reserve({
      workers,
      fall: health.fall,
      ejectAfter: ejection.after,
      balancer,
    }),
    metrics: MetricsTable.reserve({ workers }),
    history: HistoryTable.reserve(),
    connections: ConnectionTable.reserve({ workers }),
    state: ProcessState.reserve(),
  };
}
