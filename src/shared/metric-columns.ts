// The names of everything the process counts, in the order of the columns that hold them. The
// metrics table makes memory of them, the Prometheus text makes families of them.

/** Statuses of requests that were never read to their end, so that nothing else counts them. */
export const UNREAD_STATUSES = [400, 408, 413, 414, 417, 429, 431, 500, 501, 503, 505] as const;
export type UnreadStatus = (typeof UNREAD_STATUSES)[number] | "other";

export const COUNTERS = [
  // What became of a request at the gate. Each request counts once.
  "requests_admitted",
  "requests_limited",
  "requests_rejected",
  "requests_bad",
  "requests_answered",
  // Answers by who made them, the five classes of each in this order: `response()` relies on it.
  "responses_backend_1xx",
  "responses_backend_2xx",
  "responses_backend_3xx",
  "responses_backend_4xx",
  "responses_backend_5xx",
  "responses_gateway_1xx",
  "responses_gateway_2xx",
  "responses_gateway_3xx",
  "responses_gateway_4xx",
  "responses_gateway_5xx",
  // Refused by the server before there was a request: not readable, too slow, too many connections.
  ...UNREAD_STATUSES.map((status) => `unread_${status}` as const),
  "unread_other",
  // What the buckets said. Each request that asked one counts once.
  "limiter_client_admitted",
  "limiter_client_limited",
  "limiter_anonymous_admitted",
  "limiter_anonymous_limited",
  // Forwarding that went wrong, by how, and tries after the first.
  "upstream_connect_failed",
  "upstream_reset",
  "upstream_timeout",
  "upstream_none_healthy",
  "upstream_saturated",
  "upstream_retries",
  "upstream_retries_refused",
  "client_aborts",
  // Written by the main thread.
  "worker_restarts",
  "flushes",
  "flush_failures",
  "flush_seconds",
  "flushed_clients",
] as const;
export type CounterName = (typeof COUNTERS)[number];

/** What became of a request at the gate, as the labels of `gateway_requests_total` say it. */
export const DECISIONS = ["admitted", "limited", "rejected", "bad_request", "answered"] as const;
export type DecisionName = (typeof DECISIONS)[number];

/** Methods that are counted apart; all others are one. */
export const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
export const METHOD_CLASSES = [...METHODS, "other"] as const;
export const STATUS_CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;

/** Written by the main thread. */
export const GAUGES = [
  /** Wall clock, seconds since 1970, when the process started. */
  "started_at",
  /** Wall clock, seconds since 1970, when the last flush succeeded; 0 before the first one. */
  "flush_last_success_at",
  /** Changed clients that are not in the database yet. */
  "flush_pending",
] as const;
export type GaugeName = (typeof GAUGES)[number];
