// The pools of plain connections, one a backend. When a slot leads elsewhere, because its backend
// was replaced or its name has another address now, the pool is replaced: what is in flight ends as
// it began, what is idle is closed. Owned by one worker.

import { hostOf } from "../../shared/backend-url.ts";
import type { DeadlineWheel } from "../http1/deadlines.ts";
import { UpstreamPool, type UpstreamLimits } from "../http1/upstream-pool.ts";
import type { Epochs } from "./sessions.ts";

interface Entry {
  readonly url: string;
  readonly epoch: number;
  /** Null: https is not spoken here. */
  readonly pool: UpstreamPool | null;
}

export class Pools {
  readonly #backends: Epochs;
  readonly #deadlines: DeadlineWheel;
  readonly #limits: Partial<UpstreamLimits>;
  /** By slot. */
  readonly #entries: (Entry | undefined)[] = [];

  constructor(backends: Epochs, deadlines: DeadlineWheel, limits: Partial<UpstreamLimits>) {
    this.#backends = backends;
    this.#deadlines = deadlines;
    this.#limits = limits;
  }

  /** Null for a backend that is not reached by plain http. */
  of(slot: number, url: string): UpstreamPool | null {
    const epoch = this.#backends.epoch(slot);
    const present = this.#entries[slot];
    if (present !== undefined && present.epoch === epoch && present.url === url) {
      return present.pool;
    }
    present?.pool?.close();
    const pool = url.startsWith("http:") ? this.#open(url) : null;
    this.#entries[slot] = { url, epoch, pool };
    return pool;
  }

  /** Keeps no connection from now on. */
  close(): void {
    for (const entry of this.#entries) entry?.pool?.close();
    this.#entries.length = 0;
  }

  #open(url: string): UpstreamPool {
    const port = Number(new URL(url).port || 80);
    return new UpstreamPool({
      hostname: hostOf(url),
      port,
      deadlines: this.#deadlines,
      limits: this.#limits,
    });
  }
}
