// Clients in SQLite. Calls are synchronous underneath and answer in microseconds. One process owns
// the file (see `sqlite-file.ts`), so versions are counted here: they start above every stored one
// and never go back while the process lives, whatever is removed.

import type { Database, Statement } from "bun:sqlite";
import { and, eq, inArray, max, sql } from "drizzle-orm";
import { drizzle, type BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { clients } from "../db/schema-sqlite.ts";
import { unsynced, type Write } from "../db/sqlite.ts";
import { attempt } from "../db/unavailable.ts";
import { SqliteJournal } from "./journal-sqlite.ts";
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
  journalSeen: clients.journalSeen,
};

/** By hand: through drizzle a page takes twice as long, and a start reads all of them. */
const PAGE = `
  SELECT client_id clientId, capacity, rate_per_sec ratePerSec, tokens, tokens_at tokensAt, version,
    tokens_version tokensVersion, journal_seen journalSeen
  FROM clients WHERE client_id > ? ORDER BY client_id LIMIT ?`;

export class SqliteClients implements ClientsRepository {
  // 2,000 updates in one transaction were measured at 5 to 8 ms, all of it on the main thread.
  readonly batchSize = 1_000;
  readonly journal: SqliteJournal;
  readonly #client: Database;
  readonly #write: Write;
  readonly #db: BunSQLiteDatabase;
  readonly #saveBucket: Statement;
  readonly #page: Statement<ClientRow, [string, number]>;
  readonly #putNew: Statement;
  readonly #putKnown: Statement;
  #lastVersion: number;

  constructor(client: Database, write: Write) {
    this.#client = client;
    this.#write = write;
    this.#db = drizzle({ client });
    this.journal = new SqliteJournal(client, write);
    const newest = this.#db.select({ version: max(clients.version) }).from(clients);
    this.#lastVersion = newest.get()?.version ?? 0;
    this.#saveBucket = client.prepare(
      `UPDATE clients SET tokens = ?, tokens_at = ?, journal_seen = ?
      WHERE client_id = ? AND version = ?`,
    );
    // Written out, because building a statement for each of many rows takes longer than running it.
    this.#putNew = client.prepare(
      `INSERT INTO clients (client_id, capacity, rate_per_sec, tokens, tokens_at, version,
        tokens_version, created_at, updated_at, journal_seen)
      VALUES ($id, $capacity, $rate, $tokens, $at, $version, $version, $at, $at, $seen)
      ON CONFLICT DO NOTHING RETURNING tokens_version AS tokensVersion`,
    );
    this.#putKnown = client.prepare(
      `UPDATE clients SET capacity = $capacity, rate_per_sec = $rate, tokens = $tokens,
        tokens_at = $at, updated_at = $at, version = $version,
        journal_seen = $seen,
        tokens_version = CASE WHEN $set THEN $version ELSE tokens_version END
      WHERE client_id = $id AND version = $expected RETURNING tokens_version AS tokensVersion`,
    );
    this.#page = client.prepare(PAGE);
  }

  insert(clientId: string, definition: ClientDefinition): Promise<ClientRow | null> {
    return this.#write(() => {
      const version = ++this.#lastVersion;
      const inserted = this.#db
        .insert(clients)
        .values({
          clientId,
          ...columns(definition),
          version,
          tokensVersion: version,
          createdAt: definition.at,
          journalSeen: this.journal.newest,
        })
        .onConflictDoNothing()
        .returning(row);
      return inserted.get() ?? null;
    });
  }

  update(
    clientId: string,
    version: number,
    definition: ClientDefinition,
  ): Promise<ClientRow | null> {
    return this.#write(() => {
      const next = ++this.#lastVersion;
      const updated = this.#db
        .update(clients)
        .set({
          ...columns(definition),
          version: next,
          tokensVersion: definition.tokensSet ? next : sql`${clients.tokensVersion}`,
          journalSeen: this.journal.newest,
        })
        .where(and(eq(clients.clientId, clientId), eq(clients.version, version)))
        .returning(row);
      return updated.get() ?? null;
    });
  }

  putMany(writes: readonly ClientWrite[]): Promise<ClientRow[]> {
    return this.#write(() =>
      this.#client
        .transaction(() => writes.map((write) => this.#put(write)).filter((row) => row !== null))
        .immediate(),
    );
  }

  #put({ clientId, version: expected, definition }: ClientWrite): ClientRow | null {
    const { capacity, ratePerSec, tokens, tokensSet, at } = definition;
    const version = ++this.#lastVersion;
    const values = {
      $id: clientId,
      $capacity: capacity,
      $rate: ratePerSec,
      $tokens: tokens,
      $at: at,
      $version: version,
      $seen: this.journal.newest,
    };
    const written = (
      expected === null
        ? this.#putNew.get(values)
        : this.#putKnown.get({ ...values, $set: tokensSet, $expected: expected })
    ) as { tokensVersion: number } | null;
    if (written === null) return null;
    return { clientId, capacity, ratePerSec, tokens, tokensAt: at, version, ...written };
  }

  remove(clientId: string): Promise<boolean> {
    return this.#write(() => {
      const removed = this.#db
        .delete(clients)
        .where(eq(clients.clientId, clientId))
        .returning({ clientId: clients.clientId });
      return removed.get() !== undefined;
    });
  }

  find(clientIds: readonly string[]): Promise<ClientRow[]> {
    return attempt(() =>
      this.#db
        .select(row)
        .from(clients)
        .where(inArray(clients.clientId, [...clientIds]))
        .all(),
    );
  }

  page(after: string | null, limit: number): Promise<ClientRow[]> {
    return attempt(() => {
      // Every id is longer than the empty one.
      const rows = this.#page.all(after ?? "", limit);
      // After a takeover there may be versions that were not when this object was made.
      for (const { version } of rows) this.#lastVersion = Math.max(this.#lastVersion, version);
      return rows;
    });
  }

  saveBuckets(batch: BucketBatch): Promise<void> {
    return this.#write(() => {
      // A definition is synced to disk before its answer; consumption need not be.
      const save = this.#client.transaction(() => this.#saveEach(batch));
      unsynced(this.#client, () => save.immediate());
    });
  }

  #saveEach({ clientIds, versions, tokens, at }: BucketBatch): void {
    const seen = this.journal.newest;
    for (let i = 0; i < clientIds.length; i++) {
      this.#saveBucket.run(tokens[i]!, at, seen, clientIds[i]!, versions[i]!);
    }
  }
}

function columns(definition: ClientDefinition) {
  const { capacity, ratePerSec, tokens, at } = definition;
  return { capacity, ratePerSec, tokens, tokensAt: at, updatedAt: at };
}
