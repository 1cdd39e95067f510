// What the whole process is doing, in a few shared words. The main thread writes; every thread
// reads, so any worker answers readiness by itself. Words: 0 phase, 1 database up, 2 workers
// running, 3 workers that listen.
// Always holds: the phase only moves forward, STARTING → READY → DRAINING.

export const STARTING = 0;
export const READY = 1;
export const DRAINING = 2;
export type Phase = typeof STARTING | typeof READY | typeof DRAINING;

const PHASE = 0;
const DATABASE_UP = 1;
const WORKERS_UP = 2;
const WORKERS_READY = 3;

export type ProcessStateMemory = SharedArrayBuffer;

/** `reason` is a sentence for people. */
export type Readiness =
  { readonly ready: true } | { readonly ready: false; readonly reason: string };

export class ProcessState {
  readonly #words: Int32Array;

  static reserve(): ProcessStateMemory {
    return new SharedArrayBuffer(64);
  }

  constructor(memory: ProcessStateMemory) {
    this.#words = new Int32Array(memory);
  }

  get phase(): Phase {
    return Atomics.load(this.#words, PHASE) as Phase;
  }

  get databaseUp(): boolean {
    return Atomics.load(this.#words, DATABASE_UP) === 1;
  }

  /** Workers that run, whether they listen yet or not. */
  get workersUp(): number {
    return Atomics.load(this.#words, WORKERS_UP);
  }

  /** Workers that listen. */
  get workersReady(): number {
    return Atomics.load(this.#words, WORKERS_READY);
  }

  /**
   * Whether new traffic should be sent here. A database that is down does not matter: traffic is
   * decided from memory.
   */
  readiness(openBackends: number): Readiness {
    if (this.phase === STARTING) return { ready: false, reason: "The gateway is starting." };
    if (this.phase === DRAINING) return { ready: false, reason: "The gateway is draining." };
    if (openBackends === 0) return { ready: false, reason: "No backend is open to requests." };
    return { ready: true };
  }

  // Main thread only.

  enter(phase: Phase): void {
    if (phase > this.phase) Atomics.store(this.#words, PHASE, phase);
  }

  setDatabaseUp(up: boolean): void {
    Atomics.store(this.#words, DATABASE_UP, up ? 1 : 0);
  }

  setWorkers(up: number, ready: number): void {
    Atomics.store(this.#words, WORKERS_UP, up);
    Atomics.store(this.#words, WORKERS_READY, ready);
  }
}
