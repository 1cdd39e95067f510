// Changes of backends in SQLite. One process owns the file, so nobody needs to be told.

import type { Database } from "bun:sqlite";
import { eq, sql, type SQL } from "drizzle-orm";
import { drizzle, type BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { backends } from "../db/schema-sqlite.ts";
import { asUnavailable } from "../db/unavailable.ts";
import {
  asConfigured,
  type BackendChange,
  type BackendRow,
  type BackendsRepository,
  type Changing,
} from "./repository.ts";

const row = {
  url: backends.url,
  added: backends.added,
  removed: backends.removed,
  weight: backends.weight,
  maxInFlight: backends.maxInFlight,
  draining: backends.draining,
};

/** Whether the backend of a row that is there already, perhaps by another gateway, counts as there. */
const there = sql`NOT ${backends.removed}`;
const gone = sql`(${backends.removed} OR NOT ${backends.added})`;

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

  add(added: BackendRow, at: number): Promise<boolean> {
    return this.#put(added, added, { at, where: gone });
  }

  change(url: string, change: BackendChange, changing: Changing): Promise<boolean> {
    const { configured, at } = changing;
    if (configured) {
      return this.#put({ ...asConfigured(url), ...change }, change, { at, where: there });
    }
    return changed(() =>
      this.#db
        .update(backends)
        .set({ ...change, updatedAt: at })
        .where(sql`${backends.url} = ${url} AND ${there}`)
        .returning(row)
        .all(),
    );
  }

  remove(url: string, { configured, at }: Changing): Promise<boolean> {
    if (configured) {
      const removed = { ...asConfigured(url), removed: true };
      return this.#put(removed, removed, { at, where: there });
    }
    return changed(() =>
      this.#db.delete(backends).where(eq(backends.url, url)).returning(row).all(),
    );
  }

  /** Creates the row, or sets some of it `where` that holds. */
  #put(
    created: BackendRow,
    set: Partial<BackendRow>,
    { at, where }: { at: number; where: SQL },
  ): Promise<boolean> {
    return changed(() =>
      this.#db
        .insert(backends)
        .values({ ...created, createdAt: at, updatedAt: at })
        .onConflictDoUpdate({
          target: backends.url,
          set: { ...set, updatedAt: at },
          setWhere: where,
        })
        .returning(row)
        .all(),
    );
  }
}

async function changed(statement: () => readonly unknown[]): Promise<boolean> {
  return (await attempt(statement)).length > 0;
}

async function attempt<T>(query: () => T): Promise<T> {
  try {
    return query();
  } catch (error) {
    throw asUnavailable(error);
  }
}
