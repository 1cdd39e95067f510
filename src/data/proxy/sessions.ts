// The pools of idle connections, one a backend. When the backend's connections are to be renewed,
// because its name leads elsewhere now, the pool is replaced: what is in flight ends as it began,
// what is idle closes by itself. Owned by one worker.

/**
 * Node closes idle connections after 5 seconds. Bun looks at its own idle connections every 4, and
 * repeats an idempotent request by itself when a reused connection turns out to be closed.
 */
const IDLE_SECONDS = 4;

export interface Epochs {
  /** Changes when connections made before should not be used for new requests. */
  epoch(slot: number): number;
}

export class Sessions {
  readonly #backends: Epochs;
  /** Both by slot. */
  readonly #sessions: Bun.FetchSession[] = [];
  readonly #epochs: number[] = [];

  constructor(backends: Epochs) {
    this.#backends = backends;
  }

  of(slot: number): Bun.FetchSession {
    const epoch = this.#backends.epoch(slot);
    const present = this.#sessions[slot];
    if (present !== undefined && this.#epochs[slot] === epoch) return present;
    this.#epochs[slot] = epoch;
    return (this.#sessions[slot] = new Bun.FetchSession({
      keepAlive: { idleTimeout: IDLE_SECONDS },
    }));
  }
}
