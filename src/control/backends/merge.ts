// Which backends there are: the configuration's list with what was changed at run time laid over it.
// The configuration is the seed: a backend that it names appears with the next start, one that it
// no longer names goes, unless somebody changed just that at run time. Then the change wins, until
// it is taken back. Pure.

import type { BackendConfig } from "../../config.ts";
import type { Backend } from "../../shared/backend-table.ts";
import type { BackendRow } from "./repository.ts";

/** In the order of the configuration, then what was added, oldest first. */
export function mergeBackends(
  seed: readonly BackendConfig[],
  rows: readonly BackendRow[],
): Backend[] {
  const changes = new Map(rows.map((row) => [row.url, row]));
  const configured = seed
    .filter(({ url }) => !changes.get(url)?.removed)
    .map((backend) => withChange(backend, changes.get(backend.url)));
  const named = new Set(seed.map(({ url }) => url));
  const added = rows
    .filter(({ url, added, removed }) => added && !removed && !named.has(url))
    .map((row) => withChange({ url: row.url, weight: 1 }, row));
  return [...configured, ...added];
}

function withChange(backend: BackendConfig, change: BackendRow | undefined): Backend {
  const maxInFlight = change?.maxInFlight ?? backend.maxInFlight ?? 0;
  return {
    url: backend.url,
    weight: change?.weight ?? backend.weight,
    maxInFlight: maxInFlight === 0 ? null : maxInFlight,
    draining: change?.draining ?? false,
  };
}
