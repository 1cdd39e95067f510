// A backend as the API shows it: the table's view in the API's words.

import type { BackendView } from "../../shared/backend-table.ts";
import type { BackendStatus } from "./model.ts";

export function backendStatus(view: BackendView): BackendStatus {
  const check = view.lastCheck;
  return {
    url: view.url,
    healthy: view.healthy,
    weight: view.weight,
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
