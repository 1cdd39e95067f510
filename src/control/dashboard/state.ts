// The gateway as the dashboard shows it, read from shared memory: any worker can tell it about the
// whole process, and nobody is asked for anything.

import type { BackendView } from "../../shared/backend-table.ts";
import type { Sample } from "../../shared/history-table.ts";
import type { MetricsTable } from "../../shared/metrics-table.ts";
import { type Phase, type ProcessState, READY, STARTING } from "../../shared/process-state.ts";
import type { BackendRow, SampleRow, StateEvent } from "./model.ts";

export interface StateSources {
  readonly metrics: MetricsTable;
  readonly state: ProcessState;
  readonly backends: () => readonly BackendView[];
  /** Registered clients. */
  readonly clients: () => number;
  readonly anonymous: () => StateEvent["anonymous"];
  readonly version: string;
  /** Workers that should run. */
  readonly workers: number;
  /** Kind of the database: `sqlite`, `postgres`. */
  readonly database: string;
}

/** `atMs`: wall clock, milliseconds since 1970. */
export function readState(
  sources: StateSources,
  samples: readonly Sample[],
  atMs: number,
): StateEvent {
  const { metrics, state } = sources;
  const { entries, evictions, overflows } = sources.anonymous();
  return {
    at: atMs / 1000,
    version: sources.version,
    started_at: metrics.gauge("started_at"),
    phase: phaseName(state.phase),
    workers: { up: state.workersUp, listening: state.workersReady, wanted: sources.workers },
    database: {
      kind: sources.database,
      up: state.databaseUp,
      flushed_at: metrics.gauge("flush_last_success_at") || null,
      pending: metrics.gauge("flush_pending"),
    },
    clients: sources.clients(),
    anonymous: { entries, evictions, overflows },
    backends: sources.backends().map(backendRow),
    samples: samples.map(sampleRow),
  };
}

function phaseName(phase: Phase): StateEvent["phase"] {
  if (phase === STARTING) return "starting";
  return phase === READY ? "ready" : "draining";
}

function backendRow(view: BackendView): BackendRow {
  const { lastCheck: check } = view;
  return {
    id: view.id,
    url: view.url,
    state: stateOf(view),
    weight: view.weight,
    share: view.share,
    in_flight: view.inFlight,
    max_in_flight: view.maxInFlight,
    requests: view.requests,
    failures: view.failures,
    since: view.sinceMs === 0 ? null : view.sinceMs / 1000,
    ejected_until: view.ejectedUntilMs === null ? null : view.ejectedUntilMs / 1000,
    last_check: check && {
      at: check.atMs / 1000,
      ok: check.ok,
      detail: check.detail,
      duration_ms: round(check.durationMs),
    },
  };
}

/** The one that a person should know of first, when several hold. */
function stateOf(view: BackendView): BackendRow["state"] {
  if (view.forbidden) return "forbidden";
  if (view.draining) return "draining";
  if (!view.healthy) return "unhealthy";
  return view.ejectedUntilMs === null ? "open" : "ejected";
}

export function sampleRow(sample: Sample): SampleRow {
  const { at, admitted, limited, refused, failed, p50, p99, inFlight } = sample;
  return [
    round(at),
    round(admitted),
    round(limited),
    round(refused),
    round(failed),
    Number.isNaN(p50) ? null : round(p50),
    Number.isNaN(p99) ? null : round(p99),
    inFlight,
  ];
}

/** Three places: 900 samples shall not be mostly noise digits. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
