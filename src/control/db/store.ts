// The database of the gateway, whichever it is: opened, locked, migrated. The main thread owns the
// one instance; no other thread touches SQL.

import type { DatabaseConfig } from "../../config.ts";
import type { Logger } from "../../shared/log.ts";
import { EXIT, StartError } from "../../shared/start-error.ts";
import type { BackendsRepository } from "../backends/repository.ts";
import { PostgresBackends } from "../backends/repository-postgres.ts";
import { SqliteBackends } from "../backends/repository-sqlite.ts";
import type { ClientsRepository } from "../clients/repository.ts";
import { PostgresClients } from "../clients/repository-postgres.ts";
import { SqliteClients } from "../clients/repository-sqlite.ts";
import { ChangeFeed } from "./change-feed.ts";
import { migratePostgres, migrateSqlite } from "./migrate.ts";
import { display, PostgresPool, reach } from "./postgres.ts";
import { openSqlite, refusing } from "./sqlite.ts";
import { StoreUnavailable } from "./unavailable.ts";

/** How long a start waits for a PostgreSQL that does not answer yet. */
const REACH_FOR_MS = 30_000;

export interface Store {
  readonly clients: ClientsRepository;
  readonly backends: BackendsRepository;
  /** Changes by other gateways; null when this process is the only writer. */
  readonly changes: ChangeFeed | null;
  /** Keeps other gateways off an embedded database. Throws `StartError` when one is there. */
  lock(): void;
  /** Lets another gateway have an embedded database; reading goes on. */
  unlock(): void;
  /** Rejects with `StoreUnavailable`. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface StoreOptions {
  readonly log: Logger;
  /** False: `lock` comes later. Default true. */
  readonly locked?: boolean;
  /** Milliseconds a start waits for PostgreSQL. Default 30 s. */
  readonly reachForMs?: number;
  /** Milliseconds between the heartbeats of the change feed. Default 15 s. */
  readonly heartbeatMs?: number;
}

/** Rejects with `StartError` when the database cannot be used. */
export async function openStore(config: DatabaseConfig, options: StoreOptions): Promise<Store> {
  return config.kind === "sqlite"
    ? openSqliteStore(config.path, options)
    : await openPostgresStore(config.url, options);
}

function openSqliteStore(path: string, { log, locked }: StoreOptions): Store {
  const file = openSqlite(path, log, locked);
  try {
    const clients = refusing(path, () => {
      migrateSqlite(file.client);
      return new SqliteClients(file.client);
    });
    return {
      clients,
      lock: file.lock,
      unlock: file.unlock,
      backends: new SqliteBackends(file.client),
      changes: null,
      ping: async () => void file.client.query("SELECT 1").get(),
      close: async () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

async function openPostgresStore(url: string, options: StoreOptions): Promise<Store> {
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
    // Any number of gateways may share it.
    lock: () => {},
    unlock: () => {},
    clients: new PostgresClients(pool),
    backends: new PostgresBackends(pool),
    changes: new ChangeFeed({ url, pool, log, ...(heartbeatMs ? { heartbeatMs } : {}) }),
    ping: () => pool.ping(),
    close: () => pool.close(),
  };
}
