// The SQLite schema. `drizzle-kit` derives the migrations below `drizzle/sqlite` from this file;
// `schema-postgres.ts` is its twin, and both dialects answer the same repository interface.

import { blob, integer, real, sqliteTable, text } from "drizzle-orm/sqlite-core";

/**
 * What was changed about the backends at run time, laid over the configuration's list. A row adds a
 * backend, changes a configured one, or removes it.
 */
export const backends = sqliteTable("backends", {
  /** Origin without a trailing slash. */
  url: text("url").primaryKey(),
  /** There whether the configuration names it or not. */
  added: integer("added", { mode: "boolean" }).notNull(),
  /** Gone although the configuration names it. */
  removed: integer("removed", { mode: "boolean" }).notNull(),
  /** Null: as configured. */
  weight: integer("weight"),
  /** Null: as configured. 0: no limit. */
  maxInFlight: integer("max_in_flight"),
  draining: integer("draining", { mode: "boolean" }).notNull(),
  /** Wall clock, milliseconds since 1970. */
  createdAt: integer("created_at").notNull(),
  updatedAt: integer("updated_at").notNull(),
});

/**
 * One row a registered client: its limit, and its bucket as last written here. A later row of
 * `bucket_journal` may hold a newer one.
 */
export const clients = sqliteTable("clients", {
  clientId: text("client_id").primaryKey(),
  /** Most tokens the bucket holds. */
  capacity: real("capacity").notNull(),
  /** Tokens added per second. */
  ratePerSec: real("rate_per_sec").notNull(),
  /** Tokens in the bucket at `tokens_at`, fractional. */
  tokens: real("tokens").notNull(),
  /** Wall clock, milliseconds since 1970. */
  tokensAt: integer("tokens_at").notNull(),
  /** Grows with every change of the definition, also across removal and creation of an id. */
  version: integer("version").notNull(),
  /** The version at which `tokens` was last set by hand; what reads the row then takes them. */
  tokensVersion: integer("tokens_version").notNull(),
  /** Wall clock, milliseconds since 1970. */
  createdAt: integer("created_at").notNull(),
  updatedAt: integer("updated_at").notNull(),
  /** The newest row of `bucket_journal` when `tokens` was written: only later ones are newer. */
  journalSeen: integer("journal_seen").notNull().default(0),
});

/**
 * Buckets that were written together because they were many, packed (see `packed-buckets.ts`).
 * Writing each to its row of `clients` touches a page of the file for nearly every one.
 */
export const bucketJournal = sqliteTable("bucket_journal", {
  /** Grows with every row, and never starts again. */
  id: integer("id").primaryKey({ autoIncrement: true }),
  /** Wall clock at which these tokens were there, milliseconds since 1970. */
  at: integer("at").notNull(),
  /** How many clients are in it. */
  entries: integer("entries").notNull(),
  packed: blob("packed", { mode: "buffer" }).notNull(),
});
