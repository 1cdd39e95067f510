// Changes of backends in PostgreSQL. Each is one statement that also notifies the other gateways on
// the same database; who hears it reads all rows again, for they are few.

import { and, eq, sql } from "drizzle-orm";
import { BACKENDS_CHANGED, CHANGES } from "../db/change-feed.ts";
import type { PostgresPool, Query } from "../db/postgres.ts";
import { backends } from "../db/schema-postgres.ts";
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

const notified = sql<string>`pg_notify(${CHANGES}, ${BACKENDS_CHANGED})`;

export class PostgresBackends extends SqlBackends {
  readonly #pool: PostgresPool;

  constructor(pool: PostgresPool) {
    super();
    this.#pool = pool;
  }

  all(): Promise<BackendRow[]> {
    const ordered = [backends.createdAt, backends.url];
    return this.#pool.run((db) =>
      db
        .select(row)
        .from(backends)
        .orderBy(...ordered),
    );
  }

  protected put(created: BackendRow, set: Partial<BackendRow>, { at, where }: Condition) {
    return this.#changed((db) =>
      db
        .insert(backends)
        .values({ ...created, createdAt: at, updatedAt: at })
        .onConflictDoUpdate({
          target: backends.url,
          set: { ...set, updatedAt: at },
          setWhere: where,
        })
        .returning({ notified }),
    );
  }

  protected set(url: string, change: BackendChange, { at, where }: Condition) {
    return this.#changed((db) =>
      db
        .update(backends)
        .set({ ...change, updatedAt: at })
        .where(and(eq(backends.url, url), where))
        .returning({ notified }),
    );
  }

  protected delete(url: string) {
    return this.#changed((db) =>
      db.delete(backends).where(eq(backends.url, url)).returning({ notified }),
    );
  }

  async #changed(statement: Query<readonly unknown[]>): Promise<boolean> {
    return (await this.#pool.run(statement)).length > 0;
  }
}
