// What the dashboard is told: the words of its event stream and of its list of clients. The page
// imports these types, so both ends change together. Times are seconds since 1970 by the gateway's
// wall clock, so that the page shows ages right whatever its own clock says.

import { type Static, t } from "elysia";
import { CLIENT_ID } from "../../shared/clients.ts";

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

export const ClientRowBody = t.Object(
  {
    client_id: t.String(),
    capacity: t.Number(),
    rate_per_sec: t.Number(),
    tokens: t.Number({ description: "In its bucket now." }),
    admitted: t.Number({ description: "Requests since it was registered or the gateway started." }),
    rejected: t.Number({ description: "Those of them that found no token." }),
    idle: t.Union([t.Number(), t.Null()], {
      description: "Whole seconds since its last request; null when it has made none.",
    }),
  },
  { description: "A client with its live bucket." },
);
export type ClientRow = Static<typeof ClientRowBody>;

const row = {
  client_id: "client9",
  capacity: 100,
  rate_per_sec: 5,
  tokens: 49.5,
  admitted: 1200,
  rejected: 34,
  idle: 0,
};

export const ClientRowsBody = t.Object(
  {
    clients: t.Array(ClientRowBody),
    next: t.Union([t.String(), t.Null()], {
      description: "Pass it as `after` for the next page; null on the last one.",
    }),
  },
  { examples: [{ clients: [row], next: null }] },
);
export type ClientRows = Static<typeof ClientRowsBody>;

/** In one answer. */
export const MAX_ROWS = 100;
export const DEFAULT_ROWS = 25;

export const ClientRowsQuery = t.Object(
  {
    prefix: t.Optional(
      t.String({
        pattern: CLIENT_ID.source.replace("{1,", "{0,"),
        description: "Only clients whose id begins so.",
      }),
    ),
    order: t.Optional(
      t.Union([t.Literal("id"), t.Literal("admitted"), t.Literal("rejected")], {
        description: "By id (the default), or the highest total first.",
      }),
    ),
    limit: t.Optional(
      t.Number({
        minimum: 1,
        maximum: MAX_ROWS,
        multipleOf: 1,
        default: DEFAULT_ROWS,
        description: "How many clients to answer with.",
      }),
    ),
    after: t.Optional(
      t.String({ pattern: CLIENT_ID.source, description: "`next` of the page before." }),
    ),
  },
  { additionalProperties: false },
);
export type ClientOrder = NonNullable<Static<typeof ClientRowsQuery>["order"]>;

export const BucketsQuery = t.Object(
  {
    ids: t.String({
      pattern: "^[A-Za-z0-9._:@,-]{1,12900}$",
      description: `Up to ${MAX_ROWS} client ids, separated by commas.`,
    }),
  },
  { additionalProperties: false },
);
