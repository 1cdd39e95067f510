// Keeps the tables equal to the database where the service alone cannot: at the start, when other
// gateways change clients, when notifications may have been missed, and when the outcome of a write
// is unknown. It never trusts a message: it reads the rows named, under a turn on each, and applies
// what it finds. While the database is down the work stays due.

import type { Logger } from "../../shared/log.ts";
import type { ChangeFeed } from "../db/change-feed.ts";
import { StoreUnavailable } from "../db/unavailable.ts";
import { JournalReplay } from "./journal-replay.ts";
import type { ClientRegistry } from "./registry.ts";
import type { ClientRow, ClientsRepository } from "./repository.ts";
import type { Turns } from "./turns.ts";

const PAGE = 1_000;
/** A million rows read at once were measured at 1.1 GB on top; so, at next to nothing. */
const PAGES_PER_COLLECTION = 50;
/** Rows re-read by one query. */
const BATCH = 500;
const RETRY_AFTER_MS = 500;

export interface FollowerOptions {
  readonly repository: ClientsRepository;
  readonly registry: ClientRegistry;
  readonly turns: Turns;
  readonly log: Logger;
}

export class Follower {
  readonly #repository: ClientsRepository;
  readonly #registry: ClientRegistry;
  readonly #turns: Turns;
  readonly #log: Logger;
  /** Ids to re-read, with the version that makes it unnecessary. */
  readonly #due = new Map<string, number>();
  #compareDue = false;
  #working: Promise<void> | null = null;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #stopped = false;
  #reportedFull = false;
  #reportedFailure = false;
  readonly #reportedUnsound = new Set<string>();

  constructor({ repository, registry, turns, log }: FollowerOptions) {
    this.#repository = repository;
    this.#registry = registry;
    this.#turns = turns;
    this.#log = log;
  }

  /** Fills the empty table. Rejects with `StoreUnavailable`. The number of clients. */
  async restore(): Promise<number> {
    const { journal } = this.#repository;
    const replay = journal && new JournalReplay(this.#registry, this.#log);
    await this.#eachPage((rows) => {
      for (const row of rows) {
        this.#apply(row);
        replay?.restored(row);
      }
    });
    if (journal) await replay?.run(journal);
    // Nothing was taken yet, so nothing needs to be written.
    this.#registry.drainDirty(() => undefined);
    return this.#registry.size;
  }

  /** Follows the changes of other gateways from now on. */
  async follow(feed: ChangeFeed): Promise<void> {
    await feed.start({
      onChange: (clientId, version) => {
        // What this process wrote itself comes back too, mostly already applied.
        // An older version may be a restored database's newest.
        if (this.#registry.versionOf(clientId) === (version ?? 0)) return;
        this.#due.set(clientId, version ?? Infinity);
        this.#work();
      },
      onConnected: () => {
        this.#compareDue = true;
        this.#work();
      },
    });
  }

  /** The row may have changed in an unknown way: re-read it as soon as the database answers. */
  reread(clientId: string): void {
    this.#due.set(clientId, Infinity);
    this.#work();
  }

  /** Resolves when nothing is due, or the database does not answer. */
  async settled(): Promise<void> {
    await this.#working;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#retry) clearTimeout(this.#retry);
    await this.#working;
  }

  #work(): void {
    if (this.#working || this.#retry || this.#stopped) return;
    this.#working = this.#catchUp().finally(() => {
      this.#working = null;
      // Something may have become due after the loop's last look.
      if (!this.#retry && (this.#due.size > 0 || this.#compareDue)) this.#work();
    });
  }

  async #catchUp(): Promise<void> {
    try {
      while (!this.#stopped && (this.#due.size > 0 || this.#compareDue)) {
        if (this.#compareDue) await this.#compare();
        else await this.#rereadBatch();
      }
      this.#reportedFailure = false;
    } catch (error) {
      if (!(error instanceof StoreUnavailable) && !this.#reportedFailure) {
        this.#reportedFailure = true;
        this.#log.error("clients could not be read again", { error: String(error) });
      }
      this.#retry = setTimeout(() => {
        this.#retry = null;
        this.#work();
      }, RETRY_AFTER_MS);
    }
  }

  /** Finds what differs between all rows and the table, and makes it due. */
  async #compare(): Promise<void> {
    // Cleared first: a connection lost and found meanwhile asks for another round.
    this.#compareDue = false;
    // A client that is added while the pages are read is beyond these, or looked at once more.
    const seen = new Uint8Array(this.#registry.slots);
    try {
      await this.#eachPage((rows) => {
        for (const row of rows) {
          if (this.#registry.holds(row)) seen[this.#registry.slotOf(row.clientId)] = 1;
          else this.#due.set(row.clientId, Infinity);
        }
      });
    } catch (error) {
      this.#compareDue = true;
      throw error;
    }
    for (const clientId of this.#registry.idsOfUnseen(seen)) this.#due.set(clientId, Infinity);
  }

  async #rereadBatch(): Promise<void> {
    const batch = [...this.#due.entries().take(BATCH)];
    for (const [clientId] of batch) this.#due.delete(clientId);
    const endTurns = await this.#turns.takeAll(batch.map(([clientId]) => clientId));
    try {
      const ids = batch
        .filter(([clientId, version]) => this.#registry.versionOf(clientId) !== version)
        .map(([clientId]) => clientId);
      if (ids.length === 0) return;
      const rows = new Map((await this.#repository.find(ids)).map((row) => [row.clientId, row]));
      for (const clientId of ids) {
        const row = rows.get(clientId);
        if (row) this.#apply(row);
        else this.#registry.drop(clientId);
      }
    } catch (error) {
      for (const [clientId, version] of batch) this.#due.set(clientId, version);
      throw error;
    } finally {
      endTurns();
    }
  }

  async #eachPage(visit: (rows: readonly ClientRow[]) => void): Promise<void> {
    let after: string | null = null;
    for (let page = 1; ; page++) {
      const rows: ClientRow[] = await this.#repository.page(after, PAGE);
      visit(rows);
      if (rows.length < PAGE) return;
      after = rows.at(-1)!.clientId;
      // SQLite answers without ever returning to the event loop, and the loop frees memory, too.
      await new Promise((resolve) => setImmediate(resolve));
      if (page % PAGES_PER_COLLECTION === 0) Bun.gc(true);
    }
  }

  #apply(row: ClientRow): void {
    const applied = this.#registry.apply(row);
    if (applied === "full") this.#reportFull();
    if (applied === "unsound") this.#reportUnsound(row.clientId);
  }

  #reportFull(): void {
    if (this.#reportedFull) return;
    this.#reportedFull = true;
    this.#log.error("more clients in the database than the table holds, the others are unknown", {
      max_clients: this.#registry.maxClients,
    });
  }

  #reportUnsound(clientId: string): void {
    if (this.#reportedUnsound.has(clientId)) return;
    this.#reportedUnsound.add(clientId);
    this.#log.error("a row of clients that no gateway wrote is passed over", {
      client_id: clientId,
    });
  }
}
