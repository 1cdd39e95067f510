// The life of the control plane from the opened database to the last flush, in order. The workers
// have been started by then and load their code beside it.

import type { Config } from "../../config.ts";
import { mainClock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/log.ts";
import type { SharedTables } from "../../shared/messages.ts";
import type { ExitCode } from "../../shared/start-error.ts";
import { openStore } from "../db/store.ts";
import type { Address } from "../listener.ts";
import { Shutdown } from "../shutdown.ts";
import type { Supervisor } from "../supervisor.ts";
import type { Switchboard } from "../switchboard.ts";
import type { Incumbent } from "../takeover/incumbent.ts";
import type { Successor } from "../takeover/successor.ts";
import { assemble, type Parts } from "./parts.ts";
import { makeReplaceable } from "./replaceable.ts";
import { startAlone, takeOver } from "./start.ts";
import { giveUp, stop } from "./stop.ts";

/** Connections that are not used for so long after a hand-over are closed. */
const IDLE_AFTER_HANDOVER_MS = 10_000;

export interface LifeOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly tables: SharedTables;
  readonly supervisor: Supervisor;
  readonly switchboard: Switchboard;
  /** Where to listen. */
  readonly address: Address;
  /** This process's part in taking over from the gateway that runs there; null: none does. */
  readonly successor: Successor | null;
  /** Called once, when the public port answers. */
  readonly onListening?: ((address: Address) => void) | undefined;
}

/** Resolves when the gateway has stopped. Rejects with `StartError` when it cannot start. */
export async function live(options: LifeOptions): Promise<ExitCode> {
  const { config, log, successor } = options;
  // What another gateway holds is locked when that one lets go of it.
  const locked = successor === null;
  const store = await openStore(config.database, { log: log.child("database"), locked });
  try {
    return await serve(options, assemble({ ...options, store }));
  } finally {
    await store.close();
  }
}

async function serve(options: LifeOptions, parts: Parts): Promise<ExitCode> {
  const { config, log, successor, switchboard } = options;
  const { health, metrics, state } = parts;
  const { host, port } = options.address;
  const shutdown = new Shutdown(log);
  switchboard.plane = {
    backendFailed: (slot) => health.backendFailed(slot),
    answer: (call) => parts.desk.answer(call),
  };
  metrics.set("started_at", Date.now() / 1000);
  state.setDatabaseUp(true);
  const counts = successor
    ? await takeOver(parts, successor, shutdown)
    : await startAlone(parts, { host, port }, shutdown);
  if (counts === null) return await giveUp(parts);
  parts.persistence.start();
  parts.sampler.start(mainClock());
  parts.meter.start();
  const incumbent = await makeReplaceable(parts, { host, port }, successor?.alone);
  const { workers, database } = config;
  log.info("listening", { host, port, workers, ...counts, database: database.kind });
  options.onListening?.({ host, port });
  await replacedOrStopped(parts, { incumbent, successor, shutdown });
  return await stop(parts, incumbent);
}

interface Ends {
  readonly incumbent: Incumbent;
  readonly successor: Successor | null;
  readonly shutdown: Shutdown;
}

async function replacedOrStopped(
  { config, supervisor }: Parts,
  { incumbent, successor, shutdown }: Ends,
): Promise<void> {
  const replaced = incumbent.replaced.then(() => true);
  const handedOver = await Promise.race([replaced, shutdown.requested.then(() => false)]);
  if (!handedOver) return;
  // A client that keeps a connection open is passed on when it uses it.
  const patience = Math.min(config.timeouts.drainMs, IDLE_AFTER_HANDOVER_MS);
  // So does the gateway that this one replaced, if it is still there: to this one, which passes on.
  const before = successor && Promise.race([successor.ended, Bun.sleep(IDLE_AFTER_HANDOVER_MS)]);
  await Promise.race([Promise.all([supervisor.empty(patience), before]), shutdown.requested]);
}
