// Each backend, labelled by its URL: as many series as there are backends.

import type { BackendView } from "../../../shared/backend-table.ts";
import type { Family, Sample } from "../family.ts";
import type { Reading } from "../sources.ts";

export const BACKENDS: readonly Family[] = [
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
    "Requests the backend was chosen for, retries included.",
    ({ requests }) => requests,
  ),
  perBackend(
    "gateway_backend_retries_total",
    "counter",
    "Requests sent to the backend after another one had failed.",
    ({ retries }) => retries,
  ),
  perBackend(
    "gateway_backend_failures_total",
    "counter",
    "Requests sent to the backend that brought no answer, or one that broke off.",
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
  return { name, type, help, labels: ["backend"], samples };
}
