// The embedded database as a store: opened, locked, migrated.

import { SqliteBackends } from "../backends/repository-sqlite.ts";
import { SqliteClients } from "../clients/repository-sqlite.ts";
import { migrateSqlite } from "./migrate-sqlite.ts";
import { openSqlite, refusing } from "./sqlite.ts";
import type { Store, StoreOptions } from "./store.ts";

/** Throws `StartError`. */
export function openSqliteStore(path: string, { log, locked }: StoreOptions): Store {
  const file = openSqlite(path, log, locked);
  try {
    const clients = refusing(path, () => {
      migrateSqlite(file.client);
      return new SqliteClients(file.client, file.write);
    });
    return {
      clients,
      lock: file.lock,
      unlock: file.unlock,
      backends: new SqliteBackends(file.client, file.write),
      changes: null,
      ping: () => file.write(() => void file.client.query("SELECT 1").get()),
      close: async () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}
