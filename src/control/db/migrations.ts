// The migrations, inside the executable: drizzle's own migrator reads a folder, which a compiled
// executable does not have. A migration that drizzle-kit generates is added here; a test compares
// this list with the journals. Applied migrations are recorded in drizzle's table and format, so
// that drizzle-kit understands the database.

import postgresJournal from "../../../drizzle/postgres/meta/_journal.json";
import postgres0000 from "../../../drizzle/postgres/0000_clients.sql" with { type: "text" };
import postgres0001 from "../../../drizzle/postgres/0001_backends.sql" with { type: "text" };
import sqliteJournal from "../../../drizzle/sqlite/meta/_journal.json";
import sqlite0000 from "../../../drizzle/sqlite/0000_clients.sql" with { type: "text" };
import sqlite0001 from "../../../drizzle/sqlite/0001_backends.sql" with { type: "text" };

export interface Migration {
  readonly tag: string;
  /** When it was generated, milliseconds since 1970; migrations are applied in this order. */
  readonly when: number;
  readonly statements: readonly string[];
  /** SHA-256 of the file, as drizzle records it. */
  readonly hash: string;
}

export const sqliteMigrations = embed(sqliteJournal, {
  "0000_clients": sqlite0000,
  "0001_backends": sqlite0001,
});
export const postgresMigrations = embed(postgresJournal, {
  "0000_clients": postgres0000,
  "0001_backends": postgres0001,
});

interface Journal {
  readonly entries: readonly { readonly tag: string; readonly when: number }[];
}

function embed(journal: Journal, files: Readonly<Record<string, string>>): readonly Migration[] {
  return journal.entries.map(({ tag, when }) => {
    const text = files[tag];
    if (text === undefined) throw new Error(`migration ${tag} is not embedded`);
    return {
      tag,
      when,
      statements: text.split("--> statement-breakpoint"),
      hash: new Bun.CryptoHasher("sha256").update(text).digest("hex"),
    };
  });
}

/** Those that a database whose newest migration is from `newest` still lacks. */
export function pending(migrations: readonly Migration[], newest: number | null): Migration[] {
  return migrations.filter(({ when }) => newest === null || when > newest);
}
