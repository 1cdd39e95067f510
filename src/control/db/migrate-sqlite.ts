// Applies the embedded migrations that an SQLite database lacks, all in one transaction. The process
// lock has let in only one gateway.

import type { Database } from "bun:sqlite";
import { pending } from "./migrations.ts";
import { sqliteMigrations } from "./migrations-sqlite.ts";

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
