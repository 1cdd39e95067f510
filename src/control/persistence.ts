// Writes the buckets that changed to the database, every interval and at the end. What could not be
// written stays pending and is written later with the tokens it has then, so nothing piles up while
// the database is down. It takes no part in any request.

import type { Logger } from "../shared/log.ts";
import type { ClientRegistry } from "./clients/registry.ts";
import { SlotSet } from "./clients/slot-set.ts";
import type { Store } from "./db/store.ts";
import { StoreUnavailable } from "./db/unavailable.ts";
import { StoredBuckets } from "./stored-buckets.ts";

const PING_EVERY_MS = 5_000;

/** Told after every flush that did something. */
export interface FlushReport {
  readonly up: boolean;
  /** Changed clients that are not in the database yet. */
  readonly pending: number;
  /** Clients written by this flush. */
  readonly written: number;
  readonly durationMs: number;
  /** Flushes that failed since the start. */
  readonly failures: number;
  /** Wall clock of the last success, milliseconds since 1970; null before the first one. */
  readonly lastSuccessAt: number | null;
}

export interface PersistenceOptions {
  readonly store: Store;
  readonly registry: ClientRegistry;
  /** Milliseconds from the end of one flush to the start of the next. */
  readonly intervalMs: number;
  /** The database is asked for a sign of life at least this often, with nothing to write. */
  readonly pingEveryMs?: number;
  readonly log: Logger;
  readonly onFlush?: (report: FlushReport) => void;
}

export class Persistence {
  readonly #store: Store;
  readonly #registry: ClientRegistry;
  readonly #intervalMs: number;
  readonly #pingEveryMs: number;
  readonly #log: Logger;
  readonly #onFlush: (report: FlushReport) => void;
  /** Slots whose tokens changed since they were last written. */
  readonly #pending = new SlotSet();
  readonly #buckets: StoredBuckets;
  #flushing: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #stopped = false;
  #up = true;
  #downSince = 0;
  #failures = 0;
  #lastContact = performance.now();
  #lastSuccessAt: number | null = null;

  constructor(options: PersistenceOptions) {
    this.#store = options.store;
    this.#registry = options.registry;
    this.#buckets = new StoredBuckets(options.store.clients, options.registry);
    this.#intervalMs = options.intervalMs;
    this.#pingEveryMs = options.pingEveryMs ?? PING_EVERY_MS;
    this.#log = options.log.child("persistence");
    this.#onFlush = options.onFlush ?? (() => undefined);
  }

  /** Also after `stop`, and where it runs already. */
  start(): void {
    this.#stopped = false;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      void this.flush().finally(() => {
        if (!this.#stopped) this.start();
      });
    }, this.#intervalMs);
  }

  /** Writes everything that changed until now. Never rejects; a flush that runs is joined. */
  flush(): Promise<void> {
    this.#flushing ??= this.#run().finally(() => (this.#flushing = null));
    return this.#flushing;
  }

  /**
   * Writes what changed for the last time. True when all of it is in the database, false when that
   * failed or `timeoutMs` passed. Call it when no more tokens are taken.
   */
  async stop(timeoutMs: number): Promise<boolean> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    const last = (async () => {
      // The flush that may be running has not seen the latest takes.
      await this.#flushing;
      await this.flush();
      return this.#pending.size === 0;
    })();
    const { promise: timeout, resolve } = Promise.withResolvers<false>();
    const timer = setTimeout(() => resolve(false), timeoutMs);
    const saved = await Promise.race([last, timeout]);
    clearTimeout(timer);
    if (!saved) this.#log.error("not all buckets were saved", { pending: this.#pending.size });
    return saved;
  }

  async #run(): Promise<void> {
    this.#registry.drainDirty((slot) => this.#pending.add(slot));
    const idle = this.#up && performance.now() - this.#lastContact < this.#pingEveryMs;
    const nothing = this.#pending.size === 0 && (this.#buckets.tidy || this.#stopped);
    if (nothing && idle) return;
    const started = performance.now();
    let written = 0;
    try {
      if (nothing) await this.#store.ping();
      written = await this.#buckets.write(this.#pending);
      // Nobody waits for it.
      if (!this.#stopped) await this.#buckets.keepTidy(written);
      this.#succeeded();
    } catch (error) {
      this.#failed(error);
    }
    const durationMs = performance.now() - started;
    this.#lastContact = performance.now();
    this.#onFlush({
      up: this.#up,
      pending: this.#pending.size,
      written,
      durationMs,
      failures: this.#failures,
      lastSuccessAt: this.#lastSuccessAt,
    });
  }

  #succeeded(): void {
    this.#lastSuccessAt = this.#registry.wallNow();
    if (this.#up) return;
    this.#up = true;
    const downMs = Math.round(performance.now() - this.#downSince);
    this.#log.info("database is back", { down_ms: downMs });
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    if (!this.#up) return;
    this.#up = false;
    this.#downSince = performance.now();
    const reason = error instanceof StoreUnavailable ? error.message : String(error);
    this.#log.error("database is down, deciding from memory", {
      reason,
      pending: this.#pending.size,
    });
  }
}
