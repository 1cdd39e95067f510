// The migrations of SQLite, inside the executable, in order. See `migrations.ts`.

import sqliteJournal from "../../../drizzle/sqlite/meta/_journal.json";
import sqlite0000 from "../../../drizzle/sqlite/0000_clients.sql" with { type: "text" };
import sqlite0001 from "../../../drizzle/sqlite/0001_backends.sql" with { type: "text" };
import sqlite0002 from "../../../drizzle/sqlite/0002_bucket_journal.sql" with { type: "text" };
import { embed } from "./migrations.ts";

export const sqliteMigrations = embed(sqliteJournal, {
  "0000_clients": sqlite0000,
  "0001_backends": sqlite0001,
  "0002_bucket_journal": sqlite0002,
});
