// Root of the main thread: claims the address, reserves the tables, starts the workers, and while
// they load their code, the control plane (`control/life/live.ts`), which is loaded then. Only wiring.

import type { Config } from "./config.ts";
import { type Address, claimAddress } from "./control/listener.ts";
import { Supervisor } from "./control/supervisor.ts";
import { Switchboard } from "./control/switchboard.ts";
import type { Successor } from "./control/takeover/successor.ts";
import { BackendTable } from "./shared/backend-table.ts";
import { ConnectionTable } from "./shared/connection-table.ts";
import { DescriptorTable } from "./shared/descriptor-table.ts";
import type { LineOutput, Logger } from "./shared/log.ts";
import type { SharedTables } from "./shared/messages.ts";
import { counter, MetricsTable } from "./shared/metrics-table.ts";
import { ProcessState } from "./shared/process-state.ts";
import { reserveTables } from "./shared/reserve-tables.ts";
import type { ExitCode } from "./shared/start-error.ts";

const WORKER_RESTARTS = counter("worker_restarts");

export interface RunOptions {
  readonly log: Logger;
  /** Where the workers' log lines go. */
  readonly output: LineOutput;
  /** Replace the gateway that runs on this port and database, if there is one. */
  readonly takeover?: boolean;
  /** Called once, when the public port answers. */
  readonly onListening?: (address: Address) => void;
}

/** Runs the gateway until it is told to stop. Throws `StartError` when it cannot start. */
export async function run(config: Config, options: RunOptions): Promise<ExitCode> {
  const { log, output, takeover = false, onListening } = options;
  const successor = takeover ? await findPredecessor(config, log) : null;
  const address = successor?.presence ?? (await claimAddress(config.host, config.port));
  const tables = reserveTables(config, successor?.presence.seed);
  const switchboard = new Switchboard(output);
  const supervisor = supervise(config, tables, switchboard, log);
  supervisor.start();
  try {
    const { live } = await import("./control/life/live.ts");
    const plane = { config, log, tables, supervisor, switchboard, address, successor };
    return await live({ ...plane, onListening });
  } finally {
    supervisor.terminate();
  }
}

/** Loaded when it is asked for. */
async function findPredecessor(config: Config, log: Logger): Promise<Successor | null> {
  const { Successor } = await import("./control/takeover/successor.ts");
  return await Successor.find(config, log);
}

function supervise(
  config: Config,
  tables: SharedTables,
  switchboard: Switchboard,
  log: Logger,
): Supervisor {
  const state = new ProcessState(tables.state);
  return new Supervisor({
    workers: config.workers,
    // Must stand in a file beside the entry point: elsewhere it works from source and fails in
    // the compiled executable.
    spawn: () => new Worker(new URL("./worker.ts", import.meta.url)),
    startMessage: (worker) => ({ type: "start", worker, config, tables }),
    onMessage: (message, reply) => switchboard.heard(message, reply),
    onDeath: (worker) => forget(worker, tables),
    onCount: (running, listening) => state.setWorkers(running, listening),
    log,
  });
}

/** A dead worker's row is empty before another thread writes it. */
function forget(worker: number, tables: SharedTables): void {
  const left = new DescriptorTable(tables.descriptors, worker).takeAll();
  if (left.length > 0) void close(left);
  new BackendTable(tables.backends).clearWorker(worker);
  new ConnectionTable(tables.connections).clearWorker(worker);
  const metrics = new MetricsTable(tables.metrics);
  metrics.clearWorker(worker);
  metrics.add(WORKER_RESTARTS);
}

async function close(descriptors: readonly number[]): Promise<void> {
  const { openKernel } = await import("./data/sockets/kernel.ts");
  const kernel = openKernel();
  for (const fd of descriptors) kernel?.close(fd);
}
