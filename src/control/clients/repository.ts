// What the clients service and the persistence ask of a database, whichever it is. Two
// implementations, tested by one suite. Every method rejects with `StoreUnavailable` when the
// database does not answer; after a write that rejected, the outcome is unknown.

import { MAX_CAPACITY, MAX_RATE_PER_SEC, STORED_CLIENT_ID } from "../../shared/clients.ts";
import type { PackedBuckets } from "./packed-buckets.ts";

/** A client as stored. */
export interface ClientRow {
  readonly clientId: string;
  readonly capacity: number;
  readonly ratePerSec: number;
  /** Tokens in the bucket at `tokensAt` (wall clock, milliseconds since 1970). */
  readonly tokens: number;
  readonly tokensAt: number;
  /** Grows with every change of the definition; an id removed and created again is newer still. */
  readonly version: number;
  /** The version at which `tokens` was last set by hand. */
  readonly tokensVersion: number;
  /** With a journal: only rows of it after this one hold newer tokens. */
  readonly journalSeen?: number;
}

/** What a creation or a change sets. */
export interface ClientDefinition {
  readonly capacity: number;
  readonly ratePerSec: number;
  readonly tokens: number;
  /**
   * True when the caller asked for these `tokens`; others then take them over. False: a row that
   * several gateways write keeps fewer, if it holds fewer.
   */
  readonly tokensSet: boolean;
  /** Wall clock of the change, milliseconds since 1970. */
  readonly at: number;
}

/** One of many definitions to write together. */
export interface ClientWrite {
  readonly clientId: string;
  /** What the row must be at; null: there must be none. */
  readonly version: number | null;
  readonly definition: ClientDefinition;
}

/** Bucket states to write, a column each; entry i of all three belongs to one client. */
export interface BucketBatch {
  readonly clientIds: readonly string[];
  readonly versions: readonly number[];
  readonly tokens: readonly number[];
  /** Wall clock at which all of them were read, milliseconds since 1970. */
  readonly at: number;
}

export interface ClientsRepository {
  /** Null when the id exists already. */
  insert(clientId: string, definition: ClientDefinition): Promise<ClientRow | null>;
  /** Null when the row is gone or no longer at `version`: read it again and decide anew. */
  update(
    clientId: string,
    version: number,
    definition: ClientDefinition,
  ): Promise<ClientRow | null>;
  /**
   * Writes all of these in one transaction, but for those whose row is not as it must be. The rows
   * written, in no particular order.
   */
  putMany(writes: readonly ClientWrite[]): Promise<ClientRow[]>;
  /** False when there was no such row. */
  remove(clientId: string): Promise<boolean>;
  /** The rows that exist among these ids, in no particular order. */
  find(clientIds: readonly string[]): Promise<ClientRow[]>;
  /** At most `limit` rows after this id, in byte order of the ids. */
  page(after: string | null, limit: number): Promise<ClientRow[]>;
  /**
   * Writes tokens where the version still is the one given; versions do not change. A row that
   * several gateways write keeps fewer, if it holds fewer by then.
   */
  saveBuckets(batch: BucketBatch): Promise<void>;
  /** Most buckets that one `saveBuckets` should carry to keep the main thread responsive. */
  readonly batchSize: number;
  /** Where many buckets are written together; null where `saveBuckets` is as good. */
  readonly journal: BucketJournal | null;
}

/**
 * Buckets written together, in rows whose ids grow. Of a client, the later row counts; `tokens` in
 * the client's own row and any of its other versions count by `journalSeen`. Not read by `find` and
 * `page`: tokens in rows are a start's and a definition's, the live ones are in the tables.
 */
export interface BucketJournal {
  /** In all rows together. */
  readonly entries: number;
  /** The id of the newest row that there ever was. */
  readonly newest: number;
  /** Adds a row; the outcome is unknown when it rejects. */
  append(buckets: PackedBuckets, at: number): Promise<void>;
  /** Deletes the rows up to this one. */
  forget(through: number): Promise<void>;
  /** The newest row first. Reads what is there now, whoever wrote it. */
  read(visit: (row: JournalRow) => void): Promise<void>;
}

export interface JournalRow {
  readonly id: number;
  /** Wall clock at which the buckets were read, milliseconds since 1970. */
  readonly at: number;
  /** Bytes as of `packed-buckets.ts`, unless the row is damaged. */
  readonly packed: unknown;
}

/** Whether a gateway may have written this row; by hand, anything can be put into one. */
export function isSound(row: ClientRow): boolean {
  return (
    STORED_CLIENT_ID.test(row.clientId) &&
    // Of NaN, too, and of text in SQLite, no comparison holds.
    row.capacity >= 1 &&
    row.capacity <= MAX_CAPACITY &&
    row.ratePerSec > 0 &&
    row.ratePerSec <= MAX_RATE_PER_SEC &&
    row.version > 0 &&
    Number.isFinite(row.version) &&
    Number.isFinite(row.tokensVersion) &&
    Number.isFinite(row.tokens) &&
    Number.isFinite(row.tokensAt)
  );
}

type StoredBucket = Pick<ClientRow, "capacity" | "ratePerSec" | "tokens" | "tokensAt">;

/** Tokens of a row at a later moment. A clock that was stepped back refills nothing. */
export function tokensNow(row: StoredBucket, wallMs: number): number {
  const seconds = Math.max(0, wallMs - row.tokensAt) / 1000;
  return Math.max(0, Math.min(row.capacity, row.tokens + seconds * row.ratePerSec));
}
