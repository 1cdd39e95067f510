// Changes of backends in SQLite. One process owns the file, so nobody needs to be told.

import type { Database } from "bun:sqlite";
import { and, eq } from "drizzle-orm";
import { drizzle, type BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { backends } from "../db/schema-sqlite.ts";
import type { Write } from "../db/sqlite.ts";
import { attempt } from "../db/unavailable.ts";
import type { BackendChange, BackendRow } from "./repository.ts";
import { type Condition, SqlBackends } from "./repository-sql.ts";

const row = {
  url: backends.url,
  added: backends.added,
  removed: backends.removed,
  weight: backends.weight,
  maxInFlight: backends.maxInFlight,
  draining: backends.draining,
};

export class SqliteBackends extends SqlBackends {
  readonly #db: BunSQLiteDatabase;
  readonly #write: Write;

  constructor(client: Database, write: Write) {
    super();
    this.#write = write;
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

  protected put(created: BackendRow, set: Partial<BackendRow>, { at, where }: Condition) {
    return this.#changed(() =>
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

  protected set(url: string, change: BackendChange, { at, where }: Condition) {
    return this.#changed(() =>
      this.#db
        .update(backends)
        .set({ ...change, updatedAt: at })
        .where(and(eq(backends.url, url), where))
        .returning(row)
        .all(),
    );
  }

  protected delete(url: string) {
    return this.#changed(() =>
      this.#db.delete(backends).where(eq(backends.url, url)).returning(row).all(),
    );
  }

  async #changed(statement: () => readonly unknown[]): Promise<boolean> {
    return (await this.#write(statement)).length > 0;
  }
}
