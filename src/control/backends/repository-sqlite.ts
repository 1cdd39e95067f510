// Changes of backends in SQLite. One process owns the file, so nobody needs to be told.

import type { Database } from "bun:sqlite";
import { eq } from "drizzle-orm";
import { drizzle, type BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { backends } from "../db/schema-sqlite.ts";
import { asUnavailable } from "../db/unavailable.ts";
import type { BackendRow, BackendsRepository } from "./repository.ts";

const row = {
  url: backends.url,
  added: backends.added,
  removed: backends.removed,
  weight: backends.weight,
  maxInFlight: backends.maxInFlight,
  draining: backends.draining,
};

export class SqliteBackends implements BackendsRepository {
  readonly #db: BunSQLiteDatabase;

  constructor(client: Database) {
    this.#db = drizzle({ client });
  }

  all(): Promise<BackendRow[]> {
    const ordered = [backends.createdAt, backends.url];
    return attempt(() =>
      this.#db
        .select(row)
        .from(backends)
        .orderBy(...ordered)
        .all(),
    );
  }

  save(changed: BackendRow, at: number): Promise<void> {
    return attempt(() => {
      this.#db
        .insert(backends)
        .values({ ...changed, createdAt: at, updatedAt: at })
        .onConflictDoUpdate({ target: backends.url, set: { ...changed, updatedAt: at } })
        .run();
    });
  }

  remove(url: string): Promise<void> {
    return attempt(() => {
      this.#db.delete(backends).where(eq(backends.url, url)).run();
    });
  }
}

async function attempt<T>(query: () => T): Promise<T> {
  try {
    return query();
  } catch (error) {
    throw asUnavailable(error);
  }
}
