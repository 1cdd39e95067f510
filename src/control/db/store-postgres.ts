// A PostgreSQL database as a store: reached, migrated. Any number of gateways may share it.

import { EXIT, StartError } from "../../shared/start-error.ts";
import { PostgresBackends } from "../backends/repository-postgres.ts";
import { PostgresClients } from "../clients/repository-postgres.ts";
import { ChangeFeed } from "./change-feed.ts";
import { migratePostgres } from "./migrate-postgres.ts";
import { PostgresPool, reach } from "./postgres.ts";
import { display } from "./postgres-url.ts";
import type { Store, StoreOptions } from "./store.ts";
import { StoreUnavailable } from "./unavailable.ts";

/** How long a start waits for a PostgreSQL that does not answer yet. */
const REACH_FOR_MS = 30_000;

/** Rejects with `StartError`. */
export async function openPostgresStore(url: string, options: StoreOptions): Promise<Store> {
  const { log, reachForMs = REACH_FOR_MS, heartbeatMs } = options;
  const pool = new PostgresPool(url);
  try {
    await reach(pool, url, { forMs: reachForMs, log });
    await migratePostgres(pool);
  } catch (error) {
    await pool.close();
    if (!(error instanceof StoreUnavailable)) throw error;
    const message = `Database ${display(url)} cannot be migrated: ${error.message}.`;
    throw new StartError(EXIT.unavailable, message);
  }
  return {
    lock: () => {},
    unlock: () => {},
    clients: new PostgresClients(pool),
    backends: new PostgresBackends(pool),
    changes: new ChangeFeed({ url, pool, log, ...(heartbeatMs ? { heartbeatMs } : {}) }),
    ping: () => pool.ping(),
    close: () => pool.close(),
  };
}
