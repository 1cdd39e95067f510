// Where a bucket is written: few go to the rows of their clients, many together to the journal, if
// the database has one. And what keeps the journal small: buckets whose newest state is in its older
// rows are written again, to its end or to their clients' rows, then those rows are deleted. Every
// state in between is right, since a later write of a bucket always counts more than an earlier one.
// Only the flush (persistence.ts) calls it, one call at a time.

import type { ClientRegistry } from "./clients/registry.ts";
import { PackedBuckets } from "./clients/packed-buckets.ts";
import type { BucketBatch, BucketJournal, ClientsRepository } from "./clients/repository.ts";
import type { SlotSet } from "./clients/slot-set.ts";

export const LIMITS = {
  /** More changed clients than these go to the journal: of 10^6, a row costs 15 µs, an entry 1.2. */
  mostRows: 500,
  /** A flush that writes fewer may write so many rows in all, to empty the journal. */
  spareRows: 2_000,
  /** Buckets in a row of the journal: 2 ms. */
  pack: 4_096,
  /** The journal may have this many entries … */
  smallJournal: 65_536,
  /** … or this many times the clients in it, before its older rows are written again. */
  surplus: 2,
  /** A flush writes again this many times the clients that changed. */
  haste: 4,
} as const;
export type Limits = { readonly [name in keyof typeof LIMITS]: number };

/** Rows of the journal to get rid of. */
interface Removal {
  /** They and all before it. */
  readonly through: number;
  /** Whose newest state is in them. */
  readonly left: SlotSet;
}

export class StoredBuckets {
  readonly #repository: ClientsRepository;
  readonly #registry: ClientRegistry;
  readonly #limits: Limits;
  #packed: PackedBuckets | null = null;
  #removal: Removal | null = null;

  constructor(repository: ClientsRepository, registry: ClientRegistry, limits: Limits = LIMITS) {
    this.#repository = repository;
    this.#registry = registry;
    this.#limits = limits;
  }

  /** Nothing is left to tidy. */
  get tidy(): boolean {
    return (this.#repository.journal?.entries ?? 0) === 0;
  }

  /** Writes these and takes them out of the set as it goes. How many were clients still. */
  write(slots: SlotSet): Promise<number> {
    const most = slots.size;
    return this.#write(slots, { most, journal: this.#journalFor(most) });
  }

  /** One step towards a small journal. `changed`: how many clients this flush has written. */
  async keepTidy(changed: number): Promise<void> {
    const { journal } = this.#repository;
    if (!journal || journal.entries === 0) return;
    const busy = this.#journalFor(changed);
    const clients = this.#registry.journaled;
    const { haste, smallJournal, spareRows, surplus } = this.#limits;
    const small = journal.entries <= Math.max(smallJournal, surplus * clients.size);
    if (busy && small && !this.#removal) return;
    this.#removal ??= { through: journal.newest, left: clients.copy() };
    const { through, left } = this.#removal;
    const most = busy ? haste * changed : spareRows - changed;
    await this.#write(left, { most, journal: busy });
    if (left.size > 0) return;
    await journal.forget(through);
    this.#removal = null;
  }

  #journalFor(changed: number): BucketJournal | null {
    return changed > this.#limits.mostRows ? this.#repository.journal : null;
  }

  async #write(
    slots: SlotSet,
    { most, journal }: { most: number; journal: BucketJournal | null },
  ): Promise<number> {
    const size = journal ? this.#limits.pack : this.#repository.batchSize;
    let written = 0;
    let next = slots.next(0);
    for (let left = most; next >= 0 && left > 0;) {
      const part: number[] = [];
      for (; next >= 0 && part.length < Math.min(size, left); next = slots.next(next + 1)) {
        part.push(next);
      }
      left -= part.length;
      written += await (journal ? this.#toJournal(part, journal) : this.#toRows(part));
      for (const slot of part) {
        slots.delete(slot);
        this.#removal?.left.delete(slot);
      }
      // SQLite answers without ever returning to the event loop.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return written;
  }

  async #toJournal(slots: readonly number[], journal: BucketJournal): Promise<number> {
    const packed = (this.#packed ??= new PackedBuckets(this.#limits.pack));
    packed.clear();
    for (const slot of slots) this.#registry.pack(slot, packed);
    if (packed.entries === 0) return 0;
    await journal.append(packed, this.#registry.wallNow());
    for (const slot of slots) this.#registry.journaled.add(slot);
    return packed.entries;
  }

  async #toRows(slots: readonly number[]): Promise<number> {
    const batch = this.#read(slots);
    if (batch.clientIds.length > 0) await this.#repository.saveBuckets(batch);
    for (const slot of slots) this.#registry.journaled.delete(slot);
    return batch.clientIds.length;
  }

  #read(slots: readonly number[]): BucketBatch {
    const bucket = { clientId: "", version: 0, tokens: 0 };
    const clientIds: string[] = [];
    const versions: number[] = [];
    const tokens: number[] = [];
    for (const slot of slots) {
      // A client removed since the take has no row to write.
      if (!this.#registry.read(slot, bucket)) continue;
      clientIds.push(bucket.clientId);
      versions.push(bucket.version);
      tokens.push(bucket.tokens);
    }
    return { clientIds, versions, tokens, at: this.#registry.wallNow() };
  }
}
