// The executable carries every migration, and applies them once however many start together.

import { afterAll, describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { Glob, SQL } from "bun";
import { join } from "node:path";
import { migratePostgres } from "../../../src/control/db/migrate-postgres.ts";
import { migrateSqlite } from "../../../src/control/db/migrate-sqlite.ts";
import { type Migration, pending } from "../../../src/control/db/migrations.ts";
import { postgresMigrations } from "../../../src/control/db/migrations-postgres.ts";
import { sqliteMigrations } from "../../../src/control/db/migrations-sqlite.ts";
import { PostgresPool } from "../../../src/control/db/postgres.ts";
import {
  POSTGRES_START_MS,
  postgresMissing,
  removeSharedCluster,
  sharedCluster,
} from "../../support/postgres.ts";

afterAll(removeSharedCluster);

const DRIZZLE = join(import.meta.dir, "../../../drizzle");

describe.each([
  { dialect: "sqlite", embedded: sqliteMigrations },
  { dialect: "postgres", embedded: postgresMigrations },
])("migrations of $dialect", ({ dialect, embedded }) => {
  test("every file of the journal is embedded as it is", async () => {
    const folder = join(DRIZZLE, dialect);
    const journal = await Bun.file(join(folder, "meta/_journal.json")).json();
    const files = [...new Glob("*.sql").scanSync(folder)].sort();
    const tags: string[] = journal.entries.map((entry: { tag: string }) => entry.tag);
    expect(tags.map((tag) => `${tag}.sql`)).toEqual(files);
    expect(embedded.map((migration) => migration.tag)).toEqual(tags);
    for (const { tag, statements } of embedded) {
      const text = await Bun.file(join(folder, `${tag}.sql`)).text();
      expect(statements.join("--> statement-breakpoint")).toBe(text);
    }
  });

  test("they are ordered by time", () => {
    const times = embedded.map(({ when }) => when);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});

test("only migrations newer than the newest applied one are pending", () => {
  const at = (when: number): Migration => ({ tag: `${when}`, when, statements: [], hash: "" });
  const all = [at(1), at(2), at(3)];
  expect(pending(all, null)).toEqual(all);
  expect(pending(all, 2)).toEqual([at(3)]);
  expect(pending(all, 3)).toEqual([]);
});

test("a SQLite database is migrated once", () => {
  const client = new Database(":memory:");
  migrateSqlite(client);
  migrateSqlite(client);
  const applied = client.query("SELECT hash FROM __drizzle_migrations").all();
  expect(applied).toHaveLength(sqliteMigrations.length);
});

test.skipIf(postgresMissing !== null)(
  "gateways that start together on one PostgreSQL migrate it once",
  async () => {
    const url = await (await sharedCluster()).createDatabase();
    const pools = Array.from({ length: 5 }, () => new PostgresPool(url));
    try {
      await Promise.all(pools.map(migratePostgres));
      const sql = new SQL({ url, max: 1 });
      const applied = await sql`SELECT hash FROM drizzle.__drizzle_migrations`;
      await sql.close();
      expect(applied).toHaveLength(postgresMigrations.length);
    } finally {
      await Promise.all(pools.map((pool) => pool.close()));
    }
  },
  POSTGRES_START_MS,
);
