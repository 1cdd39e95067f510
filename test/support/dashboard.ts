// The dashboard's sources over real tables of one process without workers: a test fills the tables
// and sees what a page would be told.

import { ClientRowsReader } from "../../src/control/dashboard/client-rows.ts";
import type { DashboardOptions } from "../../src/control/dashboard/controller.ts";
import { Feed } from "../../src/control/dashboard/feed.ts";
import type { BackendView } from "../../src/shared/backend-table.ts";
import { ClientTable } from "../../src/shared/client-table.ts";
import type { ClientsPort } from "../../src/shared/clients.ts";
import { HistoryTable } from "../../src/shared/history-table.ts";
import { MetricsTable } from "../../src/shared/metrics-table.ts";
import { ProcessState } from "../../src/shared/process-state.ts";

export interface TestDashboard extends DashboardOptions {
  readonly table: ClientTable;
  readonly history: HistoryTable;
  readonly metrics: MetricsTable;
  readonly state: ProcessState;
  readonly backends: BackendView[];
}

/** `clock`: nanoseconds, as the buckets see it. */
export function testDashboard(clients: ClientsPort, clock: () => number = () => 0): TestDashboard {
  const table = new ClientTable(ClientTable.reserve({ maxClients: 50_000 }));
  const history = new HistoryTable(HistoryTable.reserve());
  const metrics = new MetricsTable(MetricsTable.reserve({ workers: 1 }));
  const state = new ProcessState(ProcessState.reserve());
  const backends: BackendView[] = [];
  const feed = new Feed({
    metrics,
    state,
    history,
    backends: () => backends,
    clients: () => table.size,
    anonymous: () => ({ entries: 0, evictions: 0, overflows: 0 }),
    version: "0.0.0-test",
    workers: 1,
    database: "sqlite",
  });
  const rows = new ClientRowsReader({ table, clients, clock });
  return { feed, rows, table, history, metrics, state, backends };
}
