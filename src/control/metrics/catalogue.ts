// Every metric family the gateway has, in the order it is shown. Labels are bounded: by this list,
// or by the number of configured backends; never one a client or an address.

import type { BackendView } from "../../shared/backend-table.ts";
import type { CounterName } from "../../shared/metric-columns.ts";
import { type Family, histogramSamples, type Sample, single } from "./family.ts";
import type { Reading } from "./sources.ts";

const DECISIONS: Readonly<Record<string, CounterName>> = {
  admitted: "requests_admitted",
  limited: "requests_limited",
  rejected: "requests_rejected",
  bad_request: "requests_bad",
  shed: "requests_shed",
};

const UPSTREAM_FAILURES: Readonly<Record<string, CounterName>> = {
  connect: "upstream_connect_failed",
  reset: "upstream_reset",
  timeout: "upstream_timeout",
  none_healthy: "upstream_none_healthy",
  saturated: "upstream_saturated",
};

const ORIGINS = ["backend", "gateway"] as const;
const CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;

const REQUESTS: readonly Family[] = [
  {
    name: "gateway_requests_total",
    type: "counter",
    help: "Requests by what was decided about them.",
    samples: (reading) => byLabel(reading, "decision", DECISIONS),
  },
  {
    name: "gateway_responses_total",
    type: "counter",
    help: "Answers by who made them, a backend or the gateway itself, and status class.",
    samples: ({ metrics }) =>
      ORIGINS.flatMap((origin) =>
        CLASSES.map((status_class) => ({
          labels: { origin, status_class },
          value: metrics.total(`responses_${origin}_${status_class}`),
        })),
      ),
  },
  {
    name: "gateway_requests_in_flight",
    type: "gauge",
    help: "Requests whose answer has not ended.",
    samples: ({ metrics }) => single(metrics.inFlight()),
  },
  {
    name: "gateway_request_duration_seconds",
    type: "histogram",
    help: "Time from a request to the end of its answer.",
    samples: ({ metrics }) => histogramSamples(metrics.histogram("request")),
  },
  {
    name: "gateway_upstream_duration_seconds",
    type: "histogram",
    help: "Time from a forwarded request to the response headers of the backend.",
    samples: ({ metrics }) => histogramSamples(metrics.histogram("upstream")),
  },
  {
    name: "gateway_upstream_failures_total",
    type: "counter",
    help: "Tries to forward a request that brought no answer, by reason.",
    samples: (reading) => byLabel(reading, "reason", UPSTREAM_FAILURES),
  },
  counted("gateway_upstream_retries_total", "upstream_retries", "Tries after the first one."),
  counted("gateway_client_aborts_total", "client_aborts", "Clients that left before the end."),
];

const BACKENDS: readonly Family[] = [
  perBackend("gateway_backend_up", "gauge", "Whether the backend is healthy.", (backend) =>
    backend.healthy ? 1 : 0,
  ),
  perBackend("gateway_backend_open", "gauge", "Whether the backend gets requests.", (backend) =>
    backend.open ? 1 : 0,
  ),
  perBackend("gateway_backend_weight", "gauge", "Configured weight.", ({ weight }) => weight),
  perBackend(
    "gateway_backend_effective_weight",
    "gauge",
    "Weight that counts now; less than the configured one while the backend starts slowly.",
    ({ weight, share }) => (weight * share) / 100,
  ),
  perBackend(
    "gateway_backend_max_requests_in_flight",
    "gauge",
    "Most requests in flight; missing without a limit.",
    ({ maxInFlight }) => maxInFlight,
  ),
  perBackend("gateway_backend_ejected", "gauge", "Whether the backend is ejected.", (backend) =>
    backend.ejectedUntilMs === null ? 0 : 1,
  ),
  perBackend(
    "gateway_backend_ejections_total",
    "counter",
    "How often the backend was ejected.",
    ({ ejections }) => ejections,
  ),
  perBackend(
    "gateway_backend_requests_in_flight",
    "gauge",
    "Requests the backend is working on.",
    ({ inFlight }) => inFlight,
  ),
  perBackend(
    "gateway_backend_requests_total",
    "counter",
    "Requests sent to the backend, retries included.",
    ({ requests }) => requests,
  ),
  perBackend(
    "gateway_backend_connection_failures_total",
    "counter",
    "Connections to the backend that failed while forwarding.",
    ({ failures }) => failures,
  ),
  perBackend(
    "gateway_backend_flips_total",
    "counter",
    "Changes between healthy and unhealthy.",
    ({ flips }) => flips,
  ),
  perBackend(
    "gateway_backend_check_duration_seconds",
    "gauge",
    "Duration of the last health check.",
    ({ lastCheck }) => (lastCheck === null ? null : lastCheck.durationMs / 1000),
  ),
];

const LIMITER: readonly Family[] = [
  gauge("gateway_clients", "Registered clients.", ({ clients }) => clients),
  gauge(
    "gateway_anonymous_entries",
    "Anonymous addresses with a bucket of their own.",
    ({ anonymous }) => anonymous.entries,
  ),
  {
    name: "gateway_anonymous_evictions_total",
    type: "counter",
    help: "Full buckets of anonymous addresses that made room for another address.",
    samples: ({ anonymous }) => single(anonymous.evictions),
  },
  {
    name: "gateway_anonymous_overflows_total",
    type: "counter",
    help: "Requests of anonymous addresses that had to share a bucket.",
    samples: ({ anonymous }) => single(anonymous.overflows),
  },
];

const PERSISTENCE: readonly Family[] = [
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

const PROCESS: readonly Family[] = [
  gauge("gateway_ready", "Whether the gateway wants traffic.", ({ state, backends }) => {
    const healthy = backends.filter((backend) => backend.open).length;
    return state.readiness(healthy).ready ? 1 : 0;
  }),
  gauge("gateway_workers", "Workers that run.", ({ state }) => state.workersUp),
  gauge("gateway_workers_ready", "Workers that listen.", ({ state }) => state.workersReady),
  counted("gateway_worker_restarts_total", "worker_restarts", "Workers replaced after they died."),
  {
    name: "gateway_build_info",
    type: "gauge",
    help: "Always 1; the version is in the labels.",
    samples: ({ version }) => [{ labels: { version, bun: Bun.version }, value: 1 }],
  },
  {
    name: "process_cpu_seconds_total",
    type: "counter",
    help: "User and system time of all threads.",
    samples: (reading) => single(reading.process.cpuSeconds),
  },
  gauge(
    "process_resident_memory_bytes",
    "Resident memory.",
    (reading) => reading.process.residentBytes,
  ),
  gauge("process_open_fds", "Open file descriptors.", (reading) => reading.process.openDescriptors),
  gauge("process_start_time_seconds", "When the process started.", ({ metrics }) =>
    metrics.gauge("started_at"),
  ),
];

export const FAMILIES: readonly Family[] = [
  ...REQUESTS,
  ...BACKENDS,
  ...LIMITER,
  ...PERSISTENCE,
  ...PROCESS,
];

function counted(name: string, column: CounterName, help: string): Family {
  const samples = ({ metrics }: Reading): Sample[] => single(metrics.total(column));
  return { name, type: "counter", help, samples };
}

function gauge(name: string, help: string, read: (reading: Reading) => number | null): Family {
  const samples = (reading: Reading): Sample[] => {
    const value = read(reading);
    return value === null ? [] : single(value);
  };
  return { name, type: "gauge", help, samples };
}

function byLabel(
  { metrics }: Reading,
  label: string,
  columns: Readonly<Record<string, CounterName>>,
): Sample[] {
  return Object.entries(columns).map(([value, column]) => ({
    labels: { [label]: value },
    value: metrics.total(column),
  }));
}

function perBackend(
  name: string,
  type: "counter" | "gauge",
  help: string,
  read: (backend: BackendView) => number | null,
): Family {
  const samples = ({ backends }: Reading): Sample[] =>
    backends.flatMap((backend) => {
      const value = read(backend);
      return value === null ? [] : [{ labels: { backend: backend.url }, value }];
    });
  return { name, type, help, samples };
}
