// The health of all backends: one independent probe each, so a slow one delays no other. Main thread
// only. Always holds after `sync()`: exactly the configured backends are watched.

import type { BackendTable } from "../../shared/backend-table.ts";
import type { Logger } from "../../shared/log.ts";
import { type EjectionSettings, type HealthSettings, Probe } from "./probe.ts";

export interface HealthLoopOptions {
  readonly table: BackendTable;
  readonly settings: HealthSettings;
  readonly ejection: EjectionSettings;
  readonly log: Logger;
  /** Told when a slot has got a backend. */
  readonly onNew?: (slot: number) => void;
}

export class HealthLoop {
  readonly #options: HealthLoopOptions;
  readonly #log: Logger;
  /** By slot. */
  readonly #probes = new Map<number, Probe>();
  #begun = false;

  constructor(options: HealthLoopOptions) {
    this.#options = options;
    this.#log = options.log.child("load_balancer");
  }

  /** Starts watching what the table holds, and stops watching what it no longer holds. */
  sync(): void {
    const { table, settings, ejection, onNew } = this.#options;
    const newcomer = this.#begun;
    this.#begun = true;
    const backends = new Map(table.snapshot().map((backend) => [backend.slot, backend.url]));
    for (const [slot, probe] of this.#probes) {
      if (backends.get(slot) === probe.url) continue;
      probe.stop();
      this.#probes.delete(slot);
    }
    for (const [slot, url] of backends) {
      if (this.#probes.has(slot)) continue;
      const onFlip = (): void => this.rescue();
      const log = this.#log;
      const probe = new Probe({ slot, url, table, settings, ejection, newcomer, onFlip, log });
      this.#probes.set(slot, probe);
      onNew?.(slot);
    }
    this.rescue();
  }

  /** Resolves when each backend has had a result: within the check's timeout. */
  async firstRound(): Promise<void> {
    await Promise.all([...this.#probes.values()].map((probe) => probe.first));
  }

  /** Resolves when a backend gets requests, or none will after its first result. */
  async firstHealthy(): Promise<void> {
    const { table } = this.#options;
    const some = Promise.withResolvers<void>();
    for (const probe of this.#probes.values()) {
      void probe.first.then(() => table.openCount() > 0 && some.resolve());
    }
    await Promise.race([some.promise, this.firstRound()]);
  }

  /** A worker's failures with this backend need a look. Repeating it does no harm. */
  backendFailed(slot: number): void {
    this.#probes.get(slot)?.failed(performance.now());
  }

  /** An ejected backend that may work is better than none at all. */
  rescue(): void {
    if (this.#options.table.openCount() > 0) return;
    for (const probe of this.#probes.values()) probe.rescue(performance.now());
  }

  /** Ends every check and timer at once; nothing is written or logged afterwards. */
  stop(): void {
    for (const probe of this.#probes.values()) probe.stop();
    this.#probes.clear();
  }
}
