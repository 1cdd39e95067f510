// The database of the gateway, whichever it is: opened, locked, migrated. The main thread owns the
// one instance; no other thread touches SQL.

import type { DatabaseConfig } from "../../config.ts";
import type { Logger } from "../../shared/log.ts";
import type { BackendsRepository } from "../backends/repository.ts";
import type { ClientsRepository } from "../clients/repository.ts";
import type { ChangeFeed } from "./change-feed.ts";

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
  // Only one of them is loaded: the other's code would take 9 ms of every start.
  return config.kind === "sqlite"
    ? (await import("./store-sqlite.ts")).openSqliteStore(config.path, options)
    : await (await import("./store-postgres.ts")).openPostgresStore(config.url, options);
}
