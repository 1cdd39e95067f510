// The connection pool of a PostgreSQL database. It connects by itself when it can again; every query
// is bounded in time: by the server, and by the pool when the server does not even answer. Then the
// pool is replaced as a whole, because its connections lead nowhere. The password of the URL
// appears in no message.

import { SQL } from "bun";
import { drizzle, type BunSQLDatabase } from "drizzle-orm/bun-sql";
import { EXIT, StartError } from "../../shared/start-error.ts";
import type { Logger } from "../../shared/log.ts";
import { hostOf } from "../../shared/backend-url.ts";
import { isFound } from "../name-lookup.ts";
import { databaseName, display } from "./postgres-url.ts";
import { asUnavailable, StoreUnavailable } from "./unavailable.ts";

/** Connections of the pool. Control calls and flushes only: proxied requests need none. */
const CONNECTIONS = 3;
const CONNECT_TIMEOUT_S = 2;
/** The server gives a statement up after this. */
const STATEMENT_TIMEOUT_MS = 2_500;
/** The pool gives a query up after this: no answer came, not even the server's timeout. */
const ANSWER_TIMEOUT_MS = 4_000;
const RETRY_AFTER_MS = 500;
/** Deadlock, failed serialization: all of it is undone, and the same again is likely to succeed. */
const UNDONE = /^40(P01|001)$/;
const TRIES = 3;
const NO_TLS = "ERR_POSTGRES_TLS_NOT_AVAILABLE";

export type Query<T> = (db: BunSQLDatabase, client: SQL) => PromiseLike<T>;

export class PostgresPool {
  readonly #url: string;
  #client: SQL;
  #db: BunSQLDatabase;

  constructor(url: string) {
    this.#url = url;
    this.#client = connect(url, CONNECTIONS);
    this.#db = drizzle({ client: this.#client });
  }

  /** Rejects with `StoreUnavailable` when the database fails or gives no answer in `timeoutMs`. */
  async run<T>(query: Query<T>, timeoutMs = ANSWER_TIMEOUT_MS): Promise<T> {
    const client = this.#client;
    const answer = Promise.withResolvers<T>();
    const timer = setTimeout(() => {
      answer.reject(new StoreUnavailable(`no answer in ${timeoutMs} ms`, { outcomeUnknown: true }));
      this.#replace(client);
    }, timeoutMs);
    const db = this.#db;
    tried(() => query(db, client)).then(answer.resolve, answer.reject);
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  async ping(): Promise<void> {
    await this.run((db) => db.execute("SELECT 1"));
  }

  async close(): Promise<void> {
    await this.#client.close({ timeout: 1 });
  }

  /** Several queries may time out on one pool: only the first replaces it. */
  #replace(client: SQL): void {
    if (client !== this.#client) return;
    this.#client = connect(this.#url, CONNECTIONS);
    this.#db = drizzle({ client: this.#client });
    void client.close({ timeout: 0 });
  }
}

async function tried<T>(query: () => PromiseLike<T>): Promise<T> {
  for (let left = TRIES - 1; ; left--) {
    try {
      return await query();
    } catch (error) {
      const failure = asUnavailable(error);
      const undone = failure instanceof StoreUnavailable && UNDONE.test(failure.sqlState ?? "");
      if (!undone || left === 0) throw failure;
    }
  }
}

/** Opens no connection yet. `onclose` runs for every connection that closes. */
export function connect(url: string, max: number, onclose?: () => void): SQL {
  return new SQL({
    url,
    // Bun prefers PGDATABASE to the database in a URL; our configuration is the URL.
    database: databaseName(url),
    max,
    connectionTimeout: CONNECT_TIMEOUT_S,
    connection: {
      application_name: "gateway",
      statement_timeout: STATEMENT_TIMEOUT_MS,
      // A plan that was kept from when the table was small reads all of a large one for every row.
      plan_cache_mode: "force_custom_plan",
    },
    ...(onclose ? { onclose } : {}),
  });
}

/**
 * Resolves when the database answers. Retries for `forMs`, for in a composed deployment the
 * database starts at the same time. Rejects with a `StartError` when it does not answer until
 * then, or at once when it refuses in a way that waiting does not change.
 */
export async function reach(
  pool: PostgresPool,
  url: string,
  options: { forMs: number; log: Logger },
): Promise<void> {
  const deadline = performance.now() + options.forMs;
  for (let attempt = 1; ; attempt++) {
    const failure = await pool.ping().then(() => null, onlyUnavailable);
    if (failure === null) return;
    // 28: who we are is refused; 3D: there is no such database; 42: we may not do what we need.
    const final = /^(28|3D|42)/.test(failure.sqlState ?? "") || failure.code === NO_TLS;
    const reason = await reasonOf(failure, url);
    if (final || performance.now() + RETRY_AFTER_MS > deadline) {
      const message = `Database ${display(url)} cannot be used: ${reason}.`;
      throw new StartError(EXIT.unavailable, message);
    }
    if (attempt === 1) {
      const fields = { database: display(url), for_ms: options.forMs, reason };
      options.log.warn("waiting for the database", fields);
    }
    await Bun.sleep(RETRY_AFTER_MS);
  }
}

/** For a person who sets a gateway up. */
async function reasonOf({ code, message }: StoreUnavailable, url: string): Promise<string> {
  if (code === NO_TLS) return "the server has no TLS, which sslmode in the URL asks for";
  const host = hostOf(url);
  if (code !== "ERR_POSTGRES_CONNECTION_REFUSED" || host === "") return message;
  // Bun says refused also of a name that leads nowhere.
  return (await isFound(host)) ? message : `host ${host} cannot be found`;
}

function onlyUnavailable(error: unknown): StoreUnavailable {
  if (error instanceof StoreUnavailable) return error;
  throw error;
}
