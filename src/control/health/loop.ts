// The health checks of all backends: one independent probe each, so a slow one delays no other.
// Main thread only. Always holds after `sync()`: exactly the configured backends are watched.

import type { BackendTable } from "../../shared/backend-table.ts";
import type { Logger } from "../../shared/log.ts";
import { type HealthSettings, Probe } from "./probe.ts";

export interface HealthLoopOptions {
  readonly table: BackendTable;
  readonly settings: HealthSettings;
  readonly log: Logger;
}

export class HealthLoop {
  readonly #options: HealthLoopOptions;
  readonly #log: Logger;
  /** By slot. */
  readonly #probes = new Map<number, Probe>();

  constructor(options: HealthLoopOptions) {
    this.#options = options;
    this.#log = options.log.child("load_balancer");
  }

  /** Starts watching what the table holds, and stops watching what it no longer holds. */
  sync(): void {
    const { table, settings } = this.#options;
    const backends = new Map(table.snapshot().map((backend) => [backend.slot, backend.url]));
    for (const [slot, probe] of this.#probes) {
      if (backends.get(slot) === probe.url) continue;
      probe.stop();
      this.#probes.delete(slot);
    }
    for (const [slot, url] of backends) {
      if (this.#probes.has(slot)) continue;
      this.#probes.set(slot, new Probe({ slot, url, table, settings, log: this.#log }));
    }
  }

  /** Resolves when each backend has had a result: within the check's timeout. */
  async firstRound(): Promise<void> {
    await Promise.all([...this.#probes.values()].map((probe) => probe.first));
  }

  /** A worker's connection failures made this backend unhealthy. Repeating it does no harm. */
  backendFailed(slot: number): void {
    this.#probes.get(slot)?.ejected();
  }

  /** Ends every check and timer at once; nothing is written or logged afterwards. */
  stop(): void {
    for (const probe of this.#probes.values()) probe.stop();
    this.#probes.clear();
  }
}
