// The pools of own connections, one a backend. When a slot leads elsewhere, because its backend
// was replaced or its name has another address now, the pool is replaced: what is in flight ends as
// it began, what is idle is closed. Owned by one worker.

import { familyOf } from "../../shared/address-text.ts";
import { hostOf, isLinkLocal } from "../../shared/backend-url.ts";
import type { DeadlineWheel } from "../http1/deadlines.ts";
import type { Adoption } from "../sockets/adoption.ts";
import { UpstreamPool, type UpstreamLimits } from "../http1/upstream-pool.ts";
import type { Epochs } from "./sessions.ts";

interface Entry {
  readonly url: string;
  readonly epoch: number;
  readonly pool: UpstreamPool;
}

export interface PoolsOptions {
  readonly backends: Epochs;
  readonly deadlines: DeadlineWheel;
  readonly limits: Partial<UpstreamLimits>;
  readonly adoption?: Adoption | undefined;
  /** Names may lead to link-local and metadata addresses. */
  readonly allowLinkLocal: boolean;
}

export class Pools {
  readonly #options: PoolsOptions;
  /** By slot. */
  readonly #entries: (Entry | undefined)[] = [];

  constructor(options: PoolsOptions) {
    this.#options = options;
  }

  of(slot: number, url: string): UpstreamPool {
    const epoch = this.#options.backends.epoch(slot);
    const present = this.#entries[slot];
    if (present !== undefined && present.epoch === epoch && present.url === url) {
      return present.pool;
    }
    present?.pool.close();
    const pool = this.#open(url);
    this.#entries[slot] = { url, epoch, pool };
    return pool;
  }

  /** Keeps no connection from now on. */
  close(): void {
    for (const entry of this.#entries) entry?.pool.close();
    this.#entries.length = 0;
  }

  #open(url: string): UpstreamPool {
    const { allowLinkLocal, deadlines, limits, adoption } = this.#options;
    const tls = url.startsWith("https:");
    const hostname = hostOf(url);
    const port = Number(new URL(url).port || (tls ? 443 : 80));
    // Who names an address gets it, or was refused before. Where a name leads is seen for certain
    // on the connection alone: any other look-up could get another answer.
    const options = { hostname, port, tls, deadlines, limits, adoption };
    return familyOf(hostname) !== 0 || allowLinkLocal
      ? new UpstreamPool(options)
      : new UpstreamPool({ ...options, accepts });
  }
}

function accepts(address: string): boolean {
  return !isLinkLocal(address);
}
