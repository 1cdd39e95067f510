// The parts of the control plane, each built once and given what it needs. Nothing runs yet when
// they stand.

import type { Config } from "../../config.ts";
import { BackendTable } from "../../shared/backend-table.ts";
import { BusyAddresses } from "../../shared/busy-addresses.ts";
import { ClientTable } from "../../shared/client-table.ts";
import { type Clock, mainClock } from "../../shared/clock.ts";
import { HistoryTable } from "../../shared/history-table.ts";
import { LineTurns } from "../../shared/line-turns.ts";
import type { Logger } from "../../shared/log.ts";
import type { SharedTables } from "../../shared/messages.ts";
import { MetricsTable } from "../../shared/metrics-table.ts";
import { ProcessState } from "../../shared/process-state.ts";
import { answerControlCall } from "../answer.ts";
import { NameWatch } from "../backends/names.ts";
import { BackendsService } from "../backends/service.ts";
import { ClientsService } from "../clients/service.ts";
import { Sampler } from "../dashboard/sampler.ts";
import type { Store } from "../db/store.ts";
import { HealthLoop } from "../health/loop.ts";
import { recordFlush } from "../metrics/flush.ts";
import { Persistence } from "../persistence.ts";
import type { Supervisor } from "../supervisor.ts";
import { ControlDesk } from "../takeover/control-desk.ts";
import { UsageMeter } from "../usage/meter.ts";
import { UsageService } from "../usage/service.ts";

/** What the parts are built from. */
export interface Ground {
  readonly config: Config;
  readonly tables: SharedTables;
  readonly supervisor: Supervisor;
  readonly store: Store;
  readonly log: Logger;
}

export interface Parts extends Ground {
  readonly state: ProcessState;
  readonly metrics: MetricsTable;
  readonly clients: ClientsService;
  readonly meter: UsageMeter;
  readonly persistence: Persistence;
  readonly health: HealthLoop;
  readonly names: NameWatch;
  readonly backendChanges: BackendsService;
  readonly sampler: Sampler;
  readonly desk: ControlDesk;
}

export function assemble(ground: Ground): Parts {
  const { config, tables, store, log } = ground;
  const clock = mainClock();
  const state = new ProcessState(tables.state);
  const metrics = new MetricsTable(tables.metrics);
  const { clients, meter, usage } = clientParts(ground, clock);
  const { health, names, backendChanges } = backendParts(ground);
  const ports = { clients, backends: backendChanges, usage };
  return {
    ...ground,
    state,
    metrics,
    clients,
    meter,
    persistence: new Persistence({
      store,
      registry: clients.registry,
      intervalMs: config.flushIntervalMs,
      log,
      onFlush: (report) => recordFlush(report, metrics, state),
    }),
    health,
    names,
    backendChanges,
    sampler: new Sampler({ metrics, history: new HistoryTable(tables.history) }),
    desk: new ControlDesk((call) => answerControlCall(ports, call, log)),
  };
}

function clientParts({ tables, store, log }: Ground, clock: Clock) {
  const table = new ClientTable(tables.clients);
  const meter = new UsageMeter({ table, clock });
  const clients = new ClientsService({
    store,
    table,
    memory: tables.clients,
    clock,
    onAdded: (slot, now) => meter.opened(slot, now),
    log: log.child("clients"),
  });
  const usage = new UsageService({
    table,
    meter,
    addresses: new BusyAddresses(tables.busyAddresses),
    refill: (clientId) => clients.refill(clientId),
    clock,
  });
  return { clients, meter, usage };
}

function backendParts({ config, tables, store, log }: Ground) {
  const table = new BackendTable(tables.backends);
  const { allowLinkLocal, backends: seed, ejection } = config;
  const turns = new LineTurns(tables.turns.upstream, mainClock());
  // What failed in its slot before says nothing about a new backend.
  const onNew = (slot: number): void => turns.forget(slot);
  const health = new HealthLoop({ table, settings: config.health, ejection, log, onNew });
  const names = new NameWatch({ table, allowLinkLocal, log, onJudged: () => health.rescue() });
  const backendChanges = new BackendsService({ store, table, seed, health, names, log });
  return { health, names, backendChanges };
}
