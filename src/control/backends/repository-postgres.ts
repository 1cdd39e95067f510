// Changes of backends in PostgreSQL. Each is one statement that also notifies the other gateways on
// the same database; who hears it reads all rows again, for they are few.

import { eq, sql } from "drizzle-orm";
import { BACKENDS_CHANGED, CHANGES } from "../db/change-feed.ts";
import type { PostgresPool } from "../db/postgres.ts";
import { backends } from "../db/schema-postgres.ts";
import type { BackendRow, BackendsRepository } from "./repository.ts";

const row = {
  url: backends.url,
  added: backends.added,
  removed: backends.removed,
  weight: backends.weight,
  maxInFlight: backends.maxInFlight,
  draining: backends.draining,
};

const notified = sql<string>`pg_notify(${CHANGES}, ${BACKENDS_CHANGED})`;

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

  async save(changed: BackendRow, at: number): Promise<void> {
    await this.#pool.run((db) =>
      db
        .insert(backends)
        .values({ ...changed, createdAt: at, updatedAt: at })
        .onConflictDoUpdate({ target: backends.url, set: { ...changed, updatedAt: at } })
        .returning({ notified }),
    );
  }

  async remove(url: string): Promise<void> {
    await this.#pool.run((db) =>
      db.delete(backends).where(eq(backends.url, url)).returning({ notified }),
    );
  }
}
