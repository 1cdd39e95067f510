// Whose turn it is in a worker's table: picks as a request does, and gives the place back at once.

import type { BackendTable } from "../../src/shared/backend-table.ts";

export function pickFrom(table: BackendTable, key = 0, tried: readonly number[] = []): number {
  const slot = table.acquire(key, tried);
  if (slot >= 0) table.end(slot);
  return slot;
}
