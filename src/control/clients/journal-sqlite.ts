// The table `bucket_journal` of SQLite: buckets written together because they were many. A row is
// added at the end and never changed, so it costs the pages that it fills and no others; what newer
// rows hold again is deleted. Owned by `repository-sqlite.ts`.

import type { Database, Statement } from "bun:sqlite";
import { unsynced, type Write } from "../db/sqlite.ts";
import { attempt } from "../db/unavailable.ts";
import type { PackedBuckets } from "./packed-buckets.ts";
import type { BucketJournal, JournalRow } from "./repository.ts";

/** Rows deleted at once: some 600 pages of the file, 2 to 4 ms. */
const FORGET_AT_ONCE = 16;

export class SqliteJournal implements BucketJournal {
  readonly #client: Database;
  readonly #write: Write;
  readonly #append: Statement;
  readonly #forget: Statement;
  readonly #before: Statement<JournalRow, [number]>;
  readonly #count: Statement<{ entries: number; newest: number }, []>;
  #entries = 0;
  #newest = 0;

  constructor(client: Database, write: Write) {
    this.#client = client;
    this.#write = write;
    this.#append = client.prepare(
      "INSERT INTO bucket_journal (at, entries, packed) VALUES (?, ?, ?)",
    );
    this.#forget = client.prepare(
      `DELETE FROM bucket_journal WHERE id IN
        (SELECT id FROM bucket_journal WHERE id <= ? ORDER BY id LIMIT ?)`,
    );
    this.#before = client.prepare(
      "SELECT id, at, packed FROM bucket_journal WHERE id < ? ORDER BY id DESC LIMIT 1",
    );
    // The sequence remembers the newest id when its row is gone.
    this.#count = client.prepare(
      `SELECT (SELECT coalesce(sum(entries), 0) FROM bucket_journal) entries,
        coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'bucket_journal'), 0) newest`,
    );
    this.#look();
  }

  get entries(): number {
    return this.#entries;
  }

  get newest(): number {
    return this.#newest;
  }

  append(buckets: PackedBuckets, at: number): Promise<void> {
    return this.#write(() => {
      const { entries } = buckets;
      const { lastInsertRowid } = unsynced(this.#client, () =>
        this.#append.run(at, entries, buckets.bytes()),
      );
      this.#entries += entries;
      this.#newest = Number(lastInsertRowid);
    });
  }

  async forget(through: number): Promise<void> {
    while (await this.#write(() => this.#forgetSome(through))) await nextTurn();
    await attempt(() => this.#look());
  }

  async read(visit: (row: JournalRow) => void): Promise<void> {
    await attempt(() => this.#look());
    for (let before = this.#newest + 1; ; await nextTurn()) {
      const row = await attempt(() => this.#before.get(before));
      if (!row) return;
      visit(row);
      before = row.id;
    }
  }

  #forgetSome(through: number): boolean {
    return unsynced(this.#client, () => this.#forget.run(through, FORGET_AT_ONCE).changes > 0);
  }

  #look(): void {
    const { entries, newest } = this.#count.get()!;
    this.#entries = entries;
    this.#newest = newest;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
