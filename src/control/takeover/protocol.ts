// What two gateway processes say to each other when one replaces the other. The new one asks, in this
// order: `present`, `freeze`, `open` (with a `HandoverTarget`: it serves now), `leave`. Until `open` is answered the old one can go back to
// work, and does when the new one disappears; from then on only the new one decides.

import type { AnonymousState } from "../../shared/anonymous-transfer.ts";
import type { ControlCall } from "../../shared/messages.ts";

/** Another number: the two versions cannot replace each other without a stop. */
export const PROTOCOL = 1;

/** Answer to `present`: who runs. */
export interface Presence {
  readonly protocol: number;
  readonly version: string;
  readonly pid: number;
  /** As configured. */
  readonly configured: string;
  /** As listened on. */
  readonly host: string;
  readonly port: number;
  /** Listening sockets on the port. */
  readonly listeners: number;
  /** Names the database without its secrets. */
  readonly database: string;
  /** Of the hash of anonymous addresses. */
  readonly seed: readonly number[];
}

/** Answer to `freeze`: no request begins any more, all buckets of clients are in the database. */
export interface Frozen {
  readonly anonymous: AnonymousState;
}

/** Asked by the old process: a control call that had begun there. */
export type PassedCall = Pick<ControlCall, "port" | "operation" | "args">;
