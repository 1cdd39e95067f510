// Stand-in: signatures only, the body follows.
import type { Take, TakeOutcome } from "./gcra.ts";

/** Shared memory of the whole table: plain data, postable to any worker. */
export interface ClientTableMemory {
  readonly maxClients: number;
  readonly slots: SharedArrayBuffer;
  readonly dirty: SharedArrayBuffer;
  readonly index: SharedArrayBuffer;
  readonly ids: SharedArrayBuffer;
}

/** Totals of one client since the process started. */
export interface ClientUsage {
  admitted: number;
  rejected: number;
  /** Seconds since the process started at which the last request came; -1: none yet. */
  lastSeen: number;
}

export interface ClientLimit {
  readonly capacity: number;
  readonly ratePerSec: number;
}

export declare class ClientTable {
  static reserve(options?: { maxClients?: number }): ClientTableMemory;
  constructor(memory: ClientTableMemory);
  readonly size: number;
  find(clientId: string): number;
  take(slot: number, now: number, out: Take): TakeOutcome;
  peek(slot: number, now: number, out: Take): boolean;
  idOf(slot: number): string;
  ratePerSec(slot: number): number;
  usage(slot: number, out: ClientUsage): void;
  add(clientId: string, limit: ClientLimit, tokens: number, now: number): number;
  change(slot: number, limit: ClientLimit, tokens: number | null, now: number): void;
  /** `now` starts the quarantine of the slot. */
  remove(slot: number, now: number): void;
  drainDirty(visit: (slot: number) => void): void;
}
