// The message channel between the main thread and the workers. It carries control calls, log lines
// and life-cycle events only: nothing on the path of a proxied request waits for a message.

import type { AnonymousTableMemory } from "./anonymous-table.ts";
import type { BackendTableMemory } from "./backend-table.ts";
import type { ClientTableMemory } from "./client-table.ts";
import type { ClientsPort, ClientsResult } from "./clients.ts";
import type { HistoryTableMemory } from "./history-table.ts";
import type { MetricsTableMemory } from "./metrics-table.ts";
import type { ProcessStateMemory } from "./process-state.ts";
import type { Config } from "../config.ts";

/** Every table of the process; each member is plain data around SharedArrayBuffers. */
export interface SharedTables {
  readonly clients: ClientTableMemory;
  readonly anonymous: AnonymousTableMemory;
  readonly backends: BackendTableMemory;
  readonly metrics: MetricsTableMemory;
  readonly history: HistoryTableMemory;
  readonly state: ProcessStateMemory;
}

export type ClientsOperation = keyof ClientsPort;

/** A control call a worker received over HTTP and passes on. `call` pairs it with its reply. */
export interface ClientsCall {
  readonly type: "clients-call";
  readonly call: number;
  readonly operation: ClientsOperation;
  readonly args: readonly unknown[];
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
  | { readonly type: "listen"; readonly host: string; readonly port: number }
  | {
      readonly type: "clients-reply";
      readonly call: number;
      readonly result: ClientsResult<unknown>;
    }
  | { readonly type: "clock-pong"; readonly ping: number; readonly now: number }
  /** Accept no more connections, let requests in flight finish, answer `drained`. */
  | { readonly type: "drain" };

export type FromWorker =
  | { readonly type: "loaded" }
  | { readonly type: "listening" }
  /** The worker cannot do its work (the port is taken); it will not try again. */
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "drained" }
  /** Finished log lines, newline-terminated. */
  | { readonly type: "log"; readonly lines: string }
  | { readonly type: "clock-ping"; readonly ping: number }
  /** This worker's connection failure flipped a backend to unhealthy. */
  | { readonly type: "backend-failed"; readonly slot: number }
  | ClientsCall;
