// What the dashboard is told once a second: the words of its event stream. The page
// imports these types, so both ends change together. Times are seconds since 1970 by the gateway's
// wall clock, so that the page shows ages right whatever its own clock says.

/**
 * One second of traffic, in the order: at (s), admitted, limited, refused, failed (each a second),
 * p50, p99 (ms; null without answers), in flight.
 */
export type SampleRow = readonly [
  at: number,
  admitted: number,
  limited: number,
  refused: number,
  failed: number,
  p50: number | null,
  p99: number | null,
  inFlight: number,
];

/** Event `history`, the first one of each stream: the last 15 minutes, oldest first. */
export interface HistoryEvent {
  readonly samples: readonly SampleRow[];
}

export interface BackendRow {
  readonly id: string;
  readonly url: string;
  /** `open` gets requests; what bars it otherwise. */
  readonly state: "open" | "unhealthy" | "ejected" | "draining" | "forbidden";
  readonly weight: number;
  /** Percent of its weight that counts now. */
  readonly share: number;
  readonly in_flight: number;
  readonly max_in_flight: number | null;
  /** Since the backend was added. */
  readonly requests: number;
  readonly failures: number;
  /** Since when it is in this state of health; null before the first check. */
  readonly since: number | null;
  readonly ejected_until: number | null;
  readonly last_check: {
    readonly at: number;
    readonly ok: boolean;
    readonly detail: string;
    readonly duration_ms: number;
  } | null;
}

/** Event `state`, each second: how the gateway is, and the samples since the event before. */
export interface StateEvent {
  readonly at: number;
  readonly version: string;
  readonly started_at: number;
  readonly phase: "starting" | "ready" | "draining";
  readonly workers: { readonly up: number; readonly listening: number; readonly wanted: number };
  readonly database: {
    readonly kind: string;
    readonly up: boolean;
    /** Null before the first flush. */
    readonly flushed_at: number | null;
    /** Changed clients that are not in the database yet. */
    readonly pending: number;
  };
  /** Registered. */
  readonly clients: number;
  /** Addresses with a bucket; newcomers that got the place of a full bucket; shared buckets used. */
  readonly anonymous: {
    readonly entries: number;
    readonly evictions: number;
    readonly overflows: number;
  };
  readonly backends: readonly BackendRow[];
  readonly samples: readonly SampleRow[];
}
