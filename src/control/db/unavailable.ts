// What the rest of the control plane learns when a query fails: one error type with one safe line.
// drizzle's own errors carry the whole query with its parameters, so they never leave this folder.

import { SQLiteError } from "bun:sqlite";

/** The database did not do what was asked. The outcome of a write may be unknown. */
export class StoreUnavailable extends Error {
  /** Five characters that PostgreSQL answered with, e.g. `28P01`; null when it did not answer. */
  readonly sqlState: string | null;

  /** `message`: one line without secrets, for the log. */
  constructor(message: string, sqlState: string | null = null) {
    super(message.split("\n", 1)[0]);
    this.name = "StoreUnavailable";
    this.sqlState = sqlState;
  }
}

/** What a synchronous driver does, as a promise that rejects with `StoreUnavailable`. */
export async function attempt<T>(query: () => T): Promise<T> {
  try {
    return query();
  } catch (error) {
    throw asUnavailable(error);
  }
}

/**
 * Turns a driver's error into `StoreUnavailable`. Anything else is a bug of ours and comes back as
 * it is.
 */
export function asUnavailable(error: unknown): unknown {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof SQLiteError) return new StoreUnavailable(`${cause.message} (${cause.code})`);
  // Not imported: the import alone would load Bun's SQL clients, 7 ms of CPU at every start.
  if (cause instanceof Bun.SQL.PostgresError) {
    const state = cause.errno ?? null;
    return new StoreUnavailable(`${cause.message} (${state ?? cause.code})`, state);
  }
  return error;
}
