// What the backends service asks of a database, whichever it is. Two implementations, tested by one
// suite. Every method rejects with `StoreUnavailable` when the database does not answer.

/** What was changed about one backend at run time; see merge.ts for what it means. */
export interface BackendRow {
  readonly url: string;
  /** There whether the configuration names it or not. */
  readonly added: boolean;
  /** Gone although the configuration names it. */
  readonly removed: boolean;
  /** Null: as configured. */
  readonly weight: number | null;
  /** Null: as configured. 0: no limit. */
  readonly maxInFlight: number | null;
  readonly draining: boolean;
}

export interface BackendsRepository {
  /** In the order of their creation. */
  all(): Promise<BackendRow[]>;
  /** Creates or replaces the row of this URL. `at`: wall clock, milliseconds since 1970. */
  save(row: BackendRow, at: number): Promise<void>;
  remove(url: string): Promise<void>;
}
