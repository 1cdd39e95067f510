// Changes of backends in PostgreSQL. Each is one statement that also notifies the other gateways on
// the same database; who hears it reads all rows again, for they are few.

import { eq, sql, type SQL } from "drizzle-orm";
import { BACKENDS_CHANGED, CHANGES } from "../db/change-feed.ts";
import type { PostgresPool, Query } from "../db/postgres.ts";
import { backends } from "../db/schema-postgres.ts";
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

const notified = sql<string>`pg_notify(${CHANGES}, ${BACKENDS_CHANGED})`;

/** Whether the backend of a row that is there already, perhaps by another gateway, counts as there. */
const there = sql`NOT ${backends.removed}`;
const gone = sql`(${backends.removed} OR NOT ${backends.added})`;

export class PostgresBackends implements BackendsRepository {
  readonly #pool: PostgresPool;

  constructor(pool: PostgresPool) {
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

  async add(added: BackendRow, at: number): Promise<boolean> {
    return await this.#put(added, added, { at, where: gone });
  }

  async change(url: string, change: BackendChange, changing: Changing): Promise<boolean> {
    const { configured, at } = changing;
    if (configured) {
      return await this.#put({ ...asConfigured(url), ...change }, change, { at, where: there });
    }
    return await this.#changed((db) =>
      db
        .update(backends)
        .set({ ...change, updatedAt: at })
        .where(sql`${backends.url} = ${url} AND ${there}`)
        .returning({ notified }),
    );
  }

  async remove(url: string, { configured, at }: Changing): Promise<boolean> {
    if (configured) {
      const removed = { ...asConfigured(url), removed: true };
      return await this.#put(removed, removed, { at, where: there });
    }
    return await this.#changed((db) =>
      db.delete(backends).where(eq(backends.url, url)).returning({ notified }),
    );
  }

  /** Creates the row, or sets some of it `where` that holds. */
  async #put(
    created: BackendRow,
    set: Partial<BackendRow>,
    { at, where }: { at: number; where: SQL },
  ): Promise<boolean> {
    return await this.#changed((db) =>
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

  async #changed(statement: Query<readonly unknown[]>): Promise<boolean> {
    return (await this.#pool.run(statement)).length > 0;
  }
}
