// Root of the main thread, the control plane: database → tables → workers → health → traffic, and
// the same way back at the end. Only wiring; what each part does stands in its own file.

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
import { UsageMeter } from "./control/usage/meter.ts";
import { UsageService } from "./control/usage/service.ts";
import { AnonymousTable } from "./shared/anonymous-table.ts";
import { BackendTable } from "./shared/backend-table.ts";
import { BusyAddresses } from "./shared/busy-addresses.ts";
import { ClientTable } from "./shared/client-table.ts";
import { answerClockPing, mainClock } from "./shared/clock.ts";
import { HistoryTable } from "./shared/history-table.ts";
import type { LineWriter, Logger } from "./shared/log.ts";
import type { FromWorker, SharedTables, ToWorker } from "./shared/messages.ts";
import { counter, MetricsTable } from "./shared/metrics-table.ts";
import { DRAINING, ProcessState, READY } from "./shared/process-state.ts";
import { EXIT, type ExitCode } from "./shared/start-error.ts";

const WORKER_RESTARTS = counter("worker_restarts");
/** A slow backend may hold up the first look at all of them; the listener waits no longer for it. */
const LISTEN_AFTER_MS = 250;
/** How long the last flush may take. */
const LAST_FLUSH_MS = 10_000;

export interface RunOptions {
  readonly log: Logger;
  /** Where the workers' log lines go. */
  readonly output: LineWriter;
  /** Called once, when the public port answers. */
  readonly onListening?: (address: Address) => void;
}

/** Runs the gateway until it is told to stop. Throws `StartError` when it cannot start. */
export async function run(config: Config, options: RunOptions): Promise<ExitCode> {
  const address = await claimAddress(config.host, config.port);
  const store = await openStore(config.database, { log: options.log.child("database") });
  try {
    return await new Gateway(config, options, store).run(address);
  } finally {
    await store.close();
  }
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

  constructor(config: Config, options: RunOptions, store: Store) {
    const { log } = options;
    this.#config = config;
    this.#options = options;
    this.#tables = reserveTables(config);
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
    const backends = await this.#backendChanges.start();
    const clients = await this.#clients.start();
    await Promise.race([this.#health.firstRound(), Bun.sleep(LISTEN_AFTER_MS)]);
    await this.#supervisor.listen(address.host, address.port);
    this.#persistence.start();
    this.#sampler.start(mainClock());
    this.#meter.start();
    log.info("listening", {
      ...address,
      workers: this.#config.workers,
      backends,
      clients,
      database: this.#config.database.kind,
    });
    onListening?.(address);
    await Promise.race([this.#health.firstRound(), shutdown.requested]);
    this.#state.enter(READY);
    await shutdown.requested;
    return await this.#stop();
  }

  async #stop(): Promise<ExitCode> {
    const { log } = this.#options;
    const { drainMs } = this.#config.timeouts;
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
    const saved = await this.#persistence.stop(LAST_FLUSH_MS);
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
      case "control-call": {
        const ports = {
          clients: this.#clients,
          backends: this.#backendChanges,
          usage: this.#usage,
        };
        void answerControlCall(ports, message, this.#options.log).then(reply);
      }
    }
  }

  #workerDied(worker: number): void {
    this.#backends.clearWorker(worker);
    this.#metrics.clearWorker(worker);
    this.#metrics.add(WORKER_RESTARTS);
  }
}

function reserveTables({ anonymous, balancer, ejection, health, workers }: Config): SharedTables {
  return {
    clients: ClientTable.reserve(),
    anonymous: AnonymousTable.reserve(anonymous),
    busyAddresses: BusyAddresses.reserve({ workers }),
    backends: BackendTable.reserve({
      workers,
      fall: health.fall,
      ejectAfter: ejection.after,
      balancer,
    }),
    metrics: MetricsTable.reserve({ workers }),
    history: HistoryTable.reserve(),
    state: ProcessState.reserve(),
  };
}
