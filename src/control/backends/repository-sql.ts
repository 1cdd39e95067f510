// What both databases do alike with changes of backends: which row is created or set, and on what
// condition. The statements are theirs.

import { sql, type SQL } from "drizzle-orm";
import type { BackendChange, BackendRow, BackendsRepository, Changing } from "./repository.ts";

/** Whether the backend of a row that is there already, perhaps by another gateway, counts as there. */
const THERE = sql`NOT backends.removed`;
const GONE = sql`(backends.removed OR NOT backends.added)`;

export interface Condition {
  /** Wall clock, milliseconds since 1970. */
  readonly at: number;
  /** Nothing is set in a row of which this does not hold. */
  readonly where: SQL;
}

export abstract class SqlBackends implements BackendsRepository {
  abstract all(): Promise<BackendRow[]>;

  add(added: BackendRow, at: number): Promise<boolean> {
    return this.put(added, added, { at, where: GONE });
  }

  change(url: string, change: BackendChange, { configured, at }: Changing): Promise<boolean> {
    const condition = { at, where: THERE };
    return configured
      ? this.put({ ...asConfigured(url), ...change }, change, condition)
      : this.set(url, change, condition);
  }

  remove(url: string, { configured, at }: Changing): Promise<boolean> {
    if (!configured) return this.delete(url);
    const removed = { ...asConfigured(url), removed: true };
    return this.put(removed, removed, { at, where: THERE });
  }

  /** Creates the row, or sets some of it. False: neither. */
  protected abstract put(
    created: BackendRow,
    set: Partial<BackendRow>,
    condition: Condition,
  ): Promise<boolean>;
  /** False: there is no such row. */
  protected abstract set(
    url: string,
    change: BackendChange,
    condition: Condition,
  ): Promise<boolean>;
  /** False: there is no such row. */
  protected abstract delete(url: string): Promise<boolean>;
}

/** The row of a configured backend about which nothing is changed. */
function asConfigured(url: string): BackendRow {
  return { url, added: false, removed: false, weight: null, maxInFlight: null, draining: false };
}
