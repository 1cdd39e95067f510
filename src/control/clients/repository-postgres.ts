// Clients in PostgreSQL. Each change of a definition is one statement that also notifies the other
// gateways on the same database, so both happen or neither, in one round trip. The notification
// names the id and its version only; who hears it reads the row (see `follower.ts`).
//
// What writes many rows locks them in the order of their ids first: two gateways that write the same
// ones at once wait for each other instead of deadlocking.
//
// Each gateway has a bucket of its own for a client, and all of them write to the one row: it holds
// the fewest tokens that any of them has left, and only tokens set by hand are more. So whichever is
// replaced or started again finds none refilled.

import { and, eq, gt, inArray, sql, type SQL } from "drizzle-orm";
import { CHANGES } from "../db/change-feed.ts";
import type { PostgresPool } from "../db/postgres.ts";
import { clients } from "../db/schema-postgres.ts";
import type {
  BucketBatch,
  ClientDefinition,
  ClientRow,
  ClientsRepository,
  ClientWrite,
} from "./repository.ts";

const row = {
  clientId: clients.clientId,
  capacity: clients.capacity,
  ratePerSec: clients.ratePerSec,
  tokens: clients.tokens,
  tokensAt: clients.tokensAt,
  version: clients.version,
  tokensVersion: clients.tokensVersion,
};

const nextVersion = sql<number>`nextval('clients_version')`;
// The value that nextval gave last in this session, that is in this statement.
const thisVersion = sql<number>`currval('clients_version')`;

export class PostgresClients implements ClientsRepository {
  // Some 25 ms in the database, and 3 ms here to write the arrays down.
  readonly batchSize = 2_500;
  // What a row costs, it costs in the database's own process.
  readonly journal = null;
  readonly #pool: PostgresPool;

  constructor(pool: PostgresPool) {
    this.#pool = pool;
  }

  async insert(clientId: string, definition: ClientDefinition): Promise<ClientRow | null> {
    const rows = await this.#pool.run((db) =>
      db
        .insert(clients)
        .values({
          clientId,
          ...columns(definition),
          version: nextVersion,
          tokensVersion: thisVersion,
          createdAt: definition.at,
        })
        .onConflictDoNothing()
        .returning({ ...row, notified: notify(sql`${clients.version}`) }),
    );
    return rows[0] ?? null;
  }

  async update(
    clientId: string,
    version: number,
    definition: ClientDefinition,
  ): Promise<ClientRow | null> {
    const rows = await this.#pool.run((db) =>
      db
        .update(clients)
        .set({
          ...columns(definition),
          ...(definition.tokensSet ? {} : { tokens: fewest(definition) }),
          version: nextVersion,
          tokensVersion: definition.tokensSet ? thisVersion : sql`${clients.tokensVersion}`,
        })
        .where(and(eq(clients.clientId, clientId), eq(clients.version, version)))
        .returning({ ...row, notified: notify(sql`${clients.version}`) }),
    );
    return rows[0] ?? null;
  }

  async putMany(writes: readonly ClientWrite[]): Promise<ClientRow[]> {
    const rows = await this.#pool.run((db, client) => {
      const column = (of: (write: ClientWrite) => string | number) =>
        sql.param(client.array(writes.map(of)));
      const given = sql`
        SELECT * FROM unnest(
          ${column((write) => write.clientId)}::text[],
          ${column((write) => write.version ?? NO_VERSION)}::bigint[],
          ${column((write) => write.definition.capacity)}::double precision[],
          ${column((write) => write.definition.ratePerSec)}::double precision[],
          ${column((write) => write.definition.tokens)}::double precision[],
          ${column((write) => (write.definition.tokensSet ? 1 : 0))}::integer[],
          ${column((write) => write.definition.at)}::bigint[]
        ) AS given (client_id, version, capacity, rate_per_sec, tokens, tokens_set, at)`;
      return db.execute(putManyStatement(given));
    });
    return (rows as Record<string, string | number>[]).map((found) => ({
      clientId: String(found["client_id"]),
      capacity: Number(found["capacity"]),
      ratePerSec: Number(found["rate_per_sec"]),
      tokens: Number(found["tokens"]),
      tokensAt: Number(found["tokens_at"]),
      version: Number(found["version"]),
      tokensVersion: Number(found["tokens_version"]),
    }));
  }

  async remove(clientId: string): Promise<boolean> {
    const rows = await this.#pool.run((db) =>
      db
        .delete(clients)
        .where(eq(clients.clientId, clientId))
        .returning({ notified: notify(sql`null`) }),
    );
    return rows.length > 0;
  }

  find(clientIds: readonly string[]): Promise<ClientRow[]> {
    return this.#pool.run((db) =>
      db
        .select(row)
        .from(clients)
        .where(inArray(clients.clientId, [...clientIds])),
    );
  }

  page(after: string | null, limit: number): Promise<ClientRow[]> {
    return this.#pool.run((db) =>
      db
        .select(row)
        .from(clients)
        .where(after === null ? undefined : gt(clients.clientId, after))
        .orderBy(clients.clientId)
        .limit(limit),
    );
  }

  async saveBuckets({ clientIds, versions, tokens, at }: BucketBatch): Promise<void> {
    await this.#pool.run((db, client) => {
      const array = (values: readonly (string | number)[]) => sql.param(client.array([...values]));
      const given = sql`
        SELECT * FROM unnest(${array(clientIds)}::text[], ${array(versions)}::bigint[],
          ${array(tokens)}::double precision[]) AS given (client_id, version, tokens)`;
      return db.execute(sql`
        WITH bucket AS MATERIALIZED (${locked(given)})
        UPDATE ${clients} SET tokens = least(bucket.tokens, ${refilled(sql`${at}`)}),
          tokens_at = ${at}
        FROM bucket
        WHERE ${clients.clientId} = bucket.client_id AND ${clients.version} = bucket.version`);
    });
  }
}

/** Below every version. */
const NO_VERSION = -1;

/** `nextval` in a subquery, so that each row has one version for both of its columns. */
function putManyStatement(given: SQL): SQL {
  return sql`
    WITH given AS MATERIALIZED (
      SELECT *, ${nextVersion} AS next_version FROM (${given}) AS listed
    ), created AS (
      INSERT INTO ${clients} (client_id, capacity, rate_per_sec, tokens, tokens_at, version,
        tokens_version, created_at, updated_at)
      SELECT client_id, capacity, rate_per_sec, tokens, at, next_version, next_version, at, at
      FROM given WHERE version = ${NO_VERSION} ORDER BY client_id COLLATE "C"
      ON CONFLICT DO NOTHING RETURNING clients.*
    ), held AS MATERIALIZED (
      ${locked(sql`SELECT * FROM given WHERE version <> ${NO_VERSION}`)}
    ), changed AS (
      UPDATE ${clients} SET capacity = held.capacity, rate_per_sec = held.rate_per_sec,
        tokens = CASE WHEN held.tokens_set = 1 THEN held.tokens
          ELSE least(held.tokens, ${keptFraction(sql`held.capacity`, sql`held.at`)}) END,
        tokens_at = held.at, updated_at = held.at, version = held.next_version,
        tokens_version =
          CASE WHEN held.tokens_set = 1 THEN held.next_version ELSE clients.tokens_version END
      FROM held
      WHERE clients.client_id = held.client_id AND clients.version = held.version
      RETURNING clients.*
    )
    SELECT *, pg_notify(${CHANGES},
      json_build_object('client_id', client_id, 'version', version)::text)
    FROM (SELECT * FROM created UNION ALL SELECT * FROM changed) AS clients`;
}

/**
 * Those of `given` (client_id, version, …) whose row is at that version, the rows locked in the order
 * of the ids: the lock inside has the planner look each up after the other, by the index. A join
 * would lock in its own order, and was measured to read the whole table for 2,500 rows.
 */
function locked(given: SQL): SQL {
  return sql`
    SELECT given.* FROM (${given} ORDER BY client_id COLLATE "C") AS given
    CROSS JOIN LATERAL (
      SELECT version FROM ${clients} WHERE clients.client_id = given.client_id FOR NO KEY UPDATE
    ) AS held
    WHERE held.version = given.version`;
}

/**
 * What a row's bucket holds at a later moment; `tokensNow` in SQL. Where a product is too small for a
 * number PostgreSQL fails the statement, and with it what is written of all others: slower limits than
 * 1e-9 a second count as that one, as in the table.
 */
function refilled(at: SQL): SQL {
  const { capacity, ratePerSec, tokens, tokensAt } = clients;
  const rate = sql`greatest(${ratePerSec}, 1e-9)`;
  return sql`least(${capacity}, ${tokens} + greatest(0, ${at} - ${tokensAt}) * ${rate} / 1000)`;
}

/** Of another capacity, the part that is left of a row's bucket; next to nothing, as above, is nothing. */
function keptFraction(capacity: SQL, at: SQL): SQL {
  return sql`greatest(0, ${refilled(at)} - 1e-100) / ${clients.capacity} * ${capacity}`;
}

function fewest({ capacity, tokens, at }: ClientDefinition): SQL {
  return sql`least(${tokens}, ${keptFraction(sql`${capacity}`, sql`${at}`)})`;
}

function columns(definition: ClientDefinition) {
  const { capacity, ratePerSec, tokens, at } = definition;
  return { capacity, ratePerSec, tokens, tokensAt: at, updatedAt: at };
}

function notify(version: SQL) {
  const payload = sql`json_build_object('client_id', ${clients.clientId}, 'version', ${version})`;
  return sql<string>`pg_notify(${CHANGES}, ${payload}::text)`;
}
