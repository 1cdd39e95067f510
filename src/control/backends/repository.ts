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

/** What is not given stays as it is. */
export type BackendChange = Partial<Pick<BackendRow, "weight" | "maxInFlight" | "draining">>;

export interface Changing {
  /** The configuration names it, so it may be there without a row. */
  readonly configured: boolean;
  /** Wall clock, milliseconds since 1970. */
  readonly at: number;
}

/**
 * Each change is one statement that looks again at what it changes, for another gateway may have
 * changed it since `all()`. It resolves false, and changes nothing, when that one was first.
 */
export interface BackendsRepository {
  /** In the order of their creation. */
  all(): Promise<BackendRow[]>;
  /** Of a backend that is not there. False: it has been added. */
  add(row: BackendRow, at: number): Promise<boolean>;
  /** False: it has been removed. */
  change(url: string, change: BackendChange, changing: Changing): Promise<boolean>;
  /** False: it has been removed. */
  remove(url: string, changing: Changing): Promise<boolean>;
}
