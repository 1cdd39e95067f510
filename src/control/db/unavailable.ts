// What the rest of the control plane learns when a query fails: one error type with one safe line.
// drizzle's own errors carry the whole query with its parameters, so they never leave this folder.

import { SQLiteError } from "bun:sqlite";

/** For answers to changes that failed. */
export const NOTHING_CHANGED =
  "The database cannot be reached; nothing was changed. Try again later.";
export const PERHAPS_CHANGED =
  "The database does not answer; the change may or may not have been made. Look before trying again.";

interface Circumstances {
  readonly sqlState?: string | null;
  readonly code?: string | null;
  readonly outcomeUnknown?: boolean;
}

/** The database did not do what was asked, as far as is known. */
export class StoreUnavailable extends Error {
  /** Five characters that PostgreSQL answered with, e.g. `28P01`; null when it did not answer. */
  readonly sqlState: string | null;
  /** What Bun's client for PostgreSQL calls it, e.g. `ERR_POSTGRES_CONNECTION_CLOSED`. */
  readonly code: string | null;
  /** It was asked, and did not say that it failed: a write may have happened, or happen yet. */
  readonly outcomeUnknown: boolean;

  /** `message`: one line without secrets, for the log. */
  constructor(
    message: string,
    { sqlState = null, code = null, outcomeUnknown = false }: Circumstances = {},
  ) {
    super(message.split("\n", 1)[0]);
    this.name = "StoreUnavailable";
    this.sqlState = sqlState;
    this.code = code;
    this.outcomeUnknown = outcomeUnknown;
  }
}

/** What Bun says when there was no connection to ask on. */
const NOT_ASKED = /^ERR_POSTGRES_(CONNECTION_(REFUSED|FAILED|TIMEOUT)|TLS_NOT_AVAILABLE)$/;

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
    const sqlState = cause.errno ?? null;
    const { code } = cause;
    const outcomeUnknown = sqlState === null && !NOT_ASKED.test(code);
    const message = `${cause.message} (${sqlState ?? code})`;
    return new StoreUnavailable(message, { sqlState, code, outcomeUnknown });
  }
  return error;
}
