// The message channel between the main thread and the workers. It carries control calls, log lines
// and life-cycle events only: nothing on the path of a proxied request waits for a message.

import type { AnonymousTableMemory } from "./anonymous-table.ts";
import type { BackendTableMemory } from "./backend-table.ts";
import type { BusyAddressesMemory } from "./busy-addresses.ts";
import type { ClientTableMemory } from "./client-table.ts";
import type { BackendsPort } from "./backends.ts";
import type { ClientsPort } from "./clients.ts";
import type { ConnectionTableMemory } from "./connection-table.ts";
import type { ControlResult } from "./control-result.ts";
import type { DescriptorTableMemory } from "./descriptor-table.ts";
import type { HistoryTableMemory } from "./history-table.ts";
import type { LineTurnsMemory } from "./line-turns.ts";
import type { MetricsTableMemory } from "./metrics-table.ts";
import type { ProcessStateMemory } from "./process-state.ts";
import type { RetryBudgetMemory } from "./retry-budget.ts";
import type { UsagePort } from "./usage.ts";
import type { Config } from "../config.ts";

/** Every table of the process; each member is plain data around SharedArrayBuffers. */
export interface SharedTables {
  readonly clients: ClientTableMemory;
  readonly anonymous: AnonymousTableMemory;
  readonly busyAddresses: BusyAddressesMemory;
  readonly backends: BackendTableMemory;
  readonly connections: ConnectionTableMemory;
  readonly descriptors: DescriptorTableMemory;
  readonly metrics: MetricsTableMemory;
  readonly history: HistoryTableMemory;
  readonly retryBudget: RetryBudgetMemory;
  readonly turns: LineTurnsTables;
  readonly state: ProcessStateMemory;
}

/** Turns to write lines of the log, by what they are about. */
export interface LineTurnsTables {
  /** Failures of backends, by slot. */
  readonly upstream: LineTurnsMemory;
  /** Refused access to the control routes, by reason. */
  readonly access: LineTurnsMemory;
  /** What was no request that could be served, by status from 400 on. */
  readonly unread: LineTurnsMemory;
}

/** What the control routes can ask for, by the name of its port. */
export interface ControlPorts {
  readonly clients: ClientsPort;
  readonly backends: BackendsPort;
  readonly usage: UsagePort;
}

/** A control call a worker received over HTTP and passes on. `call` pairs it with its reply. */
export interface ControlCall {
  readonly type: "control-call";
  readonly call: number;
  readonly port: keyof ControlPorts;
  /** A method of the port. */
  readonly operation: string;
  readonly args: readonly unknown[];
}

/** Where a process that takes over accepts connections that are passed on: ports on loopback. */
export interface HandoverTarget {
  readonly ports: readonly number[];
  /** 64 characters that prove where a connection comes from. */
  readonly secret: string;
}

export type ToWorker =
  /** First message: everything a worker needs. It loads the app, then answers `loaded`. */
  | {
      readonly type: "start";
      readonly worker: number;
      readonly config: Config;
      readonly tables: SharedTables;
    }
  /** Bind the public port and answer `listening`. */
  | {
      readonly type: "listen";
      readonly host: string;
      readonly port: number;
      /** Listening sockets; at least 1. */
      readonly listeners: number;
      /** Also accept connections that a process with this secret passes on. */
      readonly handoverSecret?: string | undefined;
    }
  | {
      readonly type: "control-reply";
      readonly call: number;
      readonly result: ControlResult<unknown>;
    }
  | { readonly type: "clock-pong"; readonly ping: number; readonly now: number }
  /** Begin no more requests, answer `held`. What arrives waits. */
  | { readonly type: "hold" }
  /** Go on with what waited. */
  | { readonly type: "release" }
  /** After `hold`: pass everything on that waits and that still comes. */
  | { readonly type: "hand-over"; readonly target: HandoverTarget }
  /** Close the listening sockets, answer `left-port`, and `empty` when no connection is left. */
  | { readonly type: "leave-port" }
  /** Accept no more connections, let requests in flight finish, answer `drained`. */
  | { readonly type: "drain" };

export type FromWorker =
  | { readonly type: "loaded" }
  /** `handoverPort`: where connections can be passed on to, if that was asked for. */
  | { readonly type: "listening"; readonly handoverPort?: number }
  | { readonly type: "held" }
  | { readonly type: "left-port" }
  | { readonly type: "empty" }
  /** The worker cannot do its work (the port is taken); it will not try again. */
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "drained" }
  /** Finished log lines, newline-terminated; bytes are UTF-8. */
  | { readonly type: "log"; readonly lines: string | Uint8Array }
  | { readonly type: "clock-ping"; readonly ping: number }
  /** What this worker saw of a backend needs a look: it is unhealthy, or should be ejected. */
  | { readonly type: "backend-failed"; readonly slot: number }
  | ControlCall;
