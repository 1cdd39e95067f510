// Applies the embedded migrations that a database lacks, all in one transaction. Several gateways
// may start at once: on PostgreSQL an advisory lock lets one go first, on SQLite the process lock
// has let in only one.

import type { Database } from "bun:sqlite";
import { sql } from "drizzle-orm";
import { pending, postgresMigrations, sqliteMigrations } from "./migrations.ts";
import type { PostgresPool } from "./postgres.ts";

/** Any constant that no other application of the database is likely to use. */
const ADVISORY_LOCK = 7_205_759_403_792;
/** A migration of a large table, or of the instance that came first, may take its time. */
const MIGRATION_TIMEOUT_MS = 120_000;

export function migrateSqlite(client: Database): void {
  const apply = client.transaction(() => {
    client.run(`CREATE TABLE IF NOT EXISTS __drizzle_migrations (
      id INTEGER PRIMARY KEY, hash text NOT NULL, created_at numeric)`);
    const { newest } = client
      .query<{ newest: number | null }, []>(
        "SELECT max(created_at) newest FROM __drizzle_migrations",
      )
      .get()!;
    const record = client.prepare(
      "INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)",
    );
    for (const migration of pending(sqliteMigrations, newest)) {
      for (const statement of migration.statements) client.run(statement);
      record.run(migration.hash, migration.when);
    }
  });
  apply.immediate();
}

/** Rejects with `StoreUnavailable`. */
export async function migratePostgres(pool: PostgresPool): Promise<void> {
  await pool.run(
    (db) =>
      db.transaction(async (tx) => {
        await tx.execute("SET LOCAL statement_timeout = 0");
        await tx.execute(sql`SELECT pg_advisory_xact_lock(${ADVISORY_LOCK}::bigint)`);
        await tx.execute("CREATE SCHEMA IF NOT EXISTS drizzle");
        await tx.execute(`CREATE TABLE IF NOT EXISTS drizzle.__drizzle_migrations (
          id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint)`);
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
