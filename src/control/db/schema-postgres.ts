// The PostgreSQL schema. `drizzle-kit` derives the migrations below `drizzle/postgres` from this
// file; `schema-sqlite.ts` is its twin, and both dialects answer the same repository interface.

import {
  bigint,
  boolean,
  customType,
  doublePrecision,
  integer,
  pgSequence,
  pgTable,
} from "drizzle-orm/pg-core";

/** Ordered by bytes whatever the database's locale is, as SQLite does: pages must not differ. */
const byteOrderedText = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' });

const wallMs = (name: string) => bigint(name, { mode: "number" }).notNull();

/** Gives every change its version. A sequence never goes back, so an id created anew is newer. */
export const clientsVersion = pgSequence("clients_version");

/**
 * What was changed about the backends at run time, laid over the configuration's list. A row adds a
 * backend, changes a configured one, or removes it.
 */
export const backends = pgTable("backends", {
  /** Origin without a trailing slash. */
  url: byteOrderedText("url").primaryKey(),
  /** There whether the configuration names it or not. */
  added: boolean("added").notNull(),
  /** Gone although the configuration names it. */
  removed: boolean("removed").notNull(),
  /** Null: as configured. */
  weight: integer("weight"),
  /** Null: as configured. 0: no limit. */
  maxInFlight: integer("max_in_flight"),
  draining: boolean("draining").notNull(),
  createdAt: wallMs("created_at"),
  updatedAt: wallMs("updated_at"),
});

/** One row a registered client: its limit, and its bucket as last written. */
export const clients = pgTable("clients", {
  clientId: byteOrderedText("client_id").primaryKey(),
  /** Most tokens the bucket holds. */
  capacity: doublePrecision("capacity").notNull(),
  /** Tokens added per second. */
  ratePerSec: doublePrecision("rate_per_sec").notNull(),
  /** Tokens in the bucket at `tokens_at`, fractional. */
  tokens: doublePrecision("tokens").notNull(),
  /** Wall clock, milliseconds since 1970. */
  tokensAt: wallMs("tokens_at"),
  /** Grows with every change of the definition, also across removal and creation of an id. */
  version: bigint("version", { mode: "number" }).notNull(),
  /** The version at which `tokens` was last set by hand; what reads the row then takes them. */
  tokensVersion: bigint("tokens_version", { mode: "number" }).notNull(),
  /** Wall clock, milliseconds since 1970. */
  createdAt: wallMs("created_at"),
  updatedAt: wallMs("updated_at"),
});
