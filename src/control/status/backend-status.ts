// A backend as the API shows it: the table's view in the API's words.

import type { BackendView } from "../../shared/backend-table.ts";
import type { BackendStatus } from "./model.ts";

export function backendStatus(view: BackendView): BackendStatus {
  const check = view.lastCheck;
  const until = view.ejectedUntilMs;
  return {
    id: view.id,
    url: view.url,
    open: view.open,
    healthy: view.healthy,
    ejected_until: until === null ? null : new Date(until).toISOString(),
    draining: view.draining,
    forbidden: view.forbidden,
    weight: view.weight,
    effective_weight: (view.weight * view.share) / 100,
    max_in_flight: view.maxInFlight,
    in_flight: view.inFlight,
    requests: view.requests,
    failures: view.failures,
    last_check: check && {
      at: new Date(check.atMs).toISOString(),
      ok: check.ok,
      detail: check.detail,
      duration_ms: check.durationMs,
    },
  };
}
