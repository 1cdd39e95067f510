// What the metrics text is made from. Everything is read from shared memory, so any worker can
// answer for the whole process; one `Reading` is taken an answer, so its numbers belong together.

import type { BackendTable, BackendView } from "../../shared/backend-table.ts";
import type { MetricsTable } from "../../shared/metrics-table.ts";
import type { ProcessState } from "../../shared/process-state.ts";
import { type ProcessUsage, processUsage } from "./process.ts";

/** The anonymous table's own numbers. */
export interface AnonymousNumbers {
  /** Buckets in use. */
  readonly entries: number;
  /** Buckets that were full again and gave their place to a new address. */
  readonly evictions: number;
  /** Takes from a shared bucket, because the address found no place. */
  readonly overflows: number;
  /** Takes refused because the set changed under every try; expected 0. */
  readonly givenUp: number;
}

export interface MetricsSources {
  readonly metrics: MetricsTable;
  readonly backends: BackendTable;
  readonly state: ProcessState;
  /** Registered clients. */
  readonly clients: () => number;
  /** Most there can be. */
  readonly maxClients: number;
  /** See `ClientTable.givenUp`. */
  readonly clientsGivenUp: () => number;
  readonly anonymous: () => AnonymousNumbers;
  /** Open connections of clients. */
  readonly connections: () => number;
  readonly version: string;
}

export interface Reading {
  readonly metrics: MetricsTable;
  readonly backends: readonly BackendView[];
  readonly state: ProcessState;
  readonly clients: number;
  readonly maxClients: number;
  readonly clientsGivenUp: number;
  readonly anonymous: AnonymousNumbers;
  readonly connections: number;
  readonly version: string;
  readonly process: ProcessUsage;
}

export function takeReading(sources: MetricsSources): Reading {
  return {
    metrics: sources.metrics,
    backends: sources.backends.snapshot(),
    state: sources.state,
    clients: sources.clients(),
    maxClients: sources.maxClients,
    clientsGivenUp: sources.clientsGivenUp(),
    anonymous: sources.anonymous(),
    connections: sources.connections(),
    version: sources.version,
    process: processUsage(),
  };
}
