// The database, and the writing of buckets to it.

import { counted, type Family, gauge } from "../family.ts";

export const PERSISTENCE: readonly Family[] = [
  gauge("gateway_database_up", "Whether the database answers.", ({ state }) =>
    state.databaseUp ? 1 : 0,
  ),
  {
    name: "gateway_flush_duration_seconds",
    type: "summary",
    help: "Time taken by successful writes of changed buckets to the database.",
    samples: ({ metrics }) => [
      { suffix: "_sum", value: metrics.total("flush_seconds") },
      { suffix: "_count", value: metrics.total("flushes") },
    ],
  },
  counted("gateway_flush_failures_total", "flush_failures", "Writes of buckets that failed."),
  counted("gateway_flushed_clients_total", "flushed_clients", "Buckets written."),
  gauge(
    "gateway_flush_last_success_timestamp_seconds",
    "When buckets were last written; 0 when never.",
    ({ metrics }) => metrics.gauge("flush_last_success_at"),
  ),
  gauge("gateway_flush_pending_clients", "Changed buckets not written yet.", ({ metrics }) =>
    metrics.gauge("flush_pending"),
  ),
];
