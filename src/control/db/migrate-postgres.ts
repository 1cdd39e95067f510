// Applies the embedded migrations that a PostgreSQL database lacks, all in one transaction. Several
// gateways may start at once: an advisory lock lets one go first. A user who may only read and write
// the tables is enough where nothing lacks.

import { sql } from "drizzle-orm";
import { pending } from "./migrations.ts";
import { postgresMigrations } from "./migrations-postgres.ts";
import type { PostgresPool } from "./postgres.ts";

/** Any constant that no other application of the database is likely to use. */
const ADVISORY_LOCK = 7_205_759_403_792;
/** A migration of a large table, or of the instance that came first, may take its time. */
const MIGRATION_TIMEOUT_MS = 120_000;

/** Rejects with `StoreUnavailable`. */
export async function migratePostgres(pool: PostgresPool): Promise<void> {
  await pool.run(
    (db) =>
      db.transaction(async (tx) => {
        await tx.execute("SET LOCAL statement_timeout = 0");
        await tx.execute(sql`SELECT pg_advisory_xact_lock(${ADVISORY_LOCK}::bigint)`);
        // IF NOT EXISTS would ask for the right to create what is there.
        const [found] = await tx.execute(`SELECT to_regnamespace('drizzle') AS schema,
          to_regclass('drizzle.__drizzle_migrations') AS journal`);
        if (found!["schema"] === null) await tx.execute("CREATE SCHEMA drizzle");
        if (found!["journal"] === null) {
          await tx.execute(`CREATE TABLE drizzle.__drizzle_migrations (
            id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint)`);
        }
        const [applied] = await tx.execute(
          "SELECT max(created_at) AS newest FROM drizzle.__drizzle_migrations",
        );
        const newest = applied!["newest"] === null ? null : Number(applied!["newest"]);
        for (const migration of pending(postgresMigrations, newest)) {
          for (const statement of migration.statements) await tx.execute(statement);
          await tx.execute(sql`INSERT INTO drizzle.__drizzle_migrations (hash, created_at)
            VALUES (${migration.hash}, ${migration.when})`);
        }
      }),
    MIGRATION_TIMEOUT_MS,
  );
}
