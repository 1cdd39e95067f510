// At the start, after the rows of the clients: brings the buckets that only the journal holds into
// the tables. A bucket counts if the client still has the version that it was written for, and if
// its row in the journal came after the client's own tokens and after other rows with that client.

import type { Logger } from "../../shared/log.ts";
import { UnpackedBuckets } from "./packed-buckets.ts";
import type { ClientRegistry } from "./registry.ts";
import type { BucketJournal, ClientRow, JournalRow } from "./repository.ts";

/** As with the pages of the clients: garbage of this many rows is collected before the next. */
const ROWS_PER_COLLECTION = 64;

export class JournalReplay {
  readonly #registry: ClientRegistry;
  readonly #log: Logger;
  /** Of each slot, the journal's row from which on buckets are newer than the table's. */
  #seen: Float64Array = new Float64Array(0);
  #rows = 0;
  /**
   * How far the last client has moved in the table since it was written down. Slots are given in the
   * order of the ids at a start, so most neighbours have moved as far: a guess that spares the search.
   */
  #shift = 0;

  constructor(registry: ClientRegistry, log: Logger) {
    this.#registry = registry;
    this.#log = log;
  }

  /** A client that was put into the table. */
  restored({ clientId, journalSeen = 0 }: ClientRow): void {
    if (journalSeen === 0) return;
    const slot = this.#registry.slotOf(clientId);
    if (slot < 0) return;
    if (slot >= this.#seen.length) this.#reach(2 * slot + 1);
    this.#seen[slot] = journalSeen;
  }

  /** Call once, when all clients are in the table. Rejects with `StoreUnavailable`. */
  async run(journal: BucketJournal): Promise<void> {
    if (this.#seen.length < this.#registry.slots) this.#reach(this.#registry.slots);
    await journal.read((row) => {
      const buckets = UnpackedBuckets.of(row.packed);
      if (buckets) this.#apply(buckets, row);
      else this.#log.warn("a damaged row of bucket_journal is passed over", { id: row.id });
      if (++this.#rows % ROWS_PER_COLLECTION === 0) Bun.gc(true);
    });
  }

  #reach(slots: number): void {
    const seen = new Float64Array(slots);
    seen.set(this.#seen);
    this.#seen = seen;
  }

  #apply(buckets: UnpackedBuckets, { id, at }: JournalRow): void {
    while (buckets.next()) {
      const was = buckets.slot;
      const slot = this.#registry.slotOfEntry(buckets, was + this.#shift);
      if (slot < 0) continue;
      this.#shift = slot - was;
      if (this.#seen[slot]! >= id) continue;
      const { version, tokens } = buckets;
      if (this.#registry.refresh(slot, version, tokens, at)) this.#seen[slot] = id;
    }
  }
}
