// Makes the memory of every table, once for the life of the process, all before the workers start:
// some 5 MB, of which the tables of clients grow in place as clients come (growable.ts).

import type { Config } from "../config.ts";
import { AnonymousTable } from "./anonymous-table.ts";
import { BackendTable } from "./backend-table.ts";
import { BusyAddresses } from "./busy-addresses.ts";
import { ClientTable } from "./client-table.ts";
import { ConnectionTable } from "./connection-table.ts";
import { DescriptorTable } from "./descriptor-table.ts";
import { HistoryTable } from "./history-table.ts";
import { LineTurns } from "./line-turns.ts";
import type { SharedTables } from "./messages.ts";
import { MetricsTable } from "./metrics-table.ts";
import { ProcessState } from "./process-state.ts";
import { RetryBudget } from "./retry-budget.ts";

/** `seed`: that of the anonymous buckets to take over. */
export function reserveTables(config: Config, seed: readonly number[] | undefined): SharedTables {
  const { anonymous, balancer, connections, ejection, health, workers } = config;
  return {
    clients: ClientTable.reserve(),
    anonymous: AnonymousTable.reserve({ ...anonymous, seed }),
    busyAddresses: BusyAddresses.reserve({ workers }),
    backends: BackendTable.reserve({
      workers,
      fall: health.fall,
      ejectAfter: ejection.after,
      balancer,
    }),
    metrics: MetricsTable.reserve({ workers }),
    history: HistoryTable.reserve(),
    connections: ConnectionTable.reserve({ workers, ...connections }),
    descriptors: DescriptorTable.reserve({ workers }),
    retryBudget: RetryBudget.reserve({ workers }),
    turns: {
      upstream: LineTurns.reserve(),
      access: LineTurns.reserve(),
      unread: LineTurns.reserve(),
    },
    state: ProcessState.reserve(),
  };
}
