// Connections of clients over all workers, in all and by address (IPv6 by /64), in one
// SharedArrayBuffer. Each worker writes its own row, so a dead one's connections can be forgotten;
// readers add the rows up. By address it is a sketch of fixed size: what it answers is never below
// the truth, and above it only where two addresses meet in both of their cells.
// A row: the count in all, then CELLS counts by each of two hashes; all int32.

import { addressKey, type AddressKey, type CidrSet } from "./address.ts";
import { hashAddress } from "./address-hash.ts";

const CELLS = 4096;
const ROW = 16 + 2 * CELLS;

export interface ConnectionTableMemory {
  readonly buffer: SharedArrayBuffer;
  readonly workers: number;
  readonly seed: Int32Array;
}

const key: AddressKey = { hi: 0, lo: 0 };

export class ConnectionTable {
  readonly #counts: Int32Array;
  readonly #workers: number;
  readonly #own: number;
  readonly #seed: Int32Array;
  readonly #exempt: CidrSet | null;

  static reserve({ workers }: { workers: number }): ConnectionTableMemory {
    const seed = crypto.getRandomValues(new Int32Array(4));
    return { buffer: new SharedArrayBuffer(workers * ROW * 4), workers, seed };
  }

  /** `worker`: this thread's row; readers need none. Addresses in `exempt` are not told apart. */
  constructor(memory: ConnectionTableMemory, worker = 0, exempt: CidrSet | null = null) {
    this.#counts = new Int32Array(memory.buffer);
    this.#workers = memory.workers;
    this.#seed = memory.seed;
    this.#own = worker * ROW;
    this.#exempt = exempt;
  }

  opened(address: string): void {
    this.#add(address, 1);
  }
  closed(address: string): void {
    this.#add(address, -1);
  }

  total(): number {
    return this.#sum(0);
  }

  /** Connections of that address; 0 for an exempt one. */
  of(address: string): number {
    if (!this.#locate(address)) return 0;
    return Math.min(this.#sum(first()), this.#sum(second()));
  }

  /** After a worker died: its connections are gone. Main thread only. */
  clearWorker(row: number): void {
    for (let at = row * ROW; at < (row + 1) * ROW; at++) Atomics.store(this.#counts, at, 0);
  }

  #add(address: string, amount: 1 | -1): void {
    Atomics.add(this.#counts, this.#own, amount);
    if (!this.#locate(address)) return;
    Atomics.add(this.#counts, this.#own + first(), amount);
    Atomics.add(this.#counts, this.#own + second(), amount);
  }

  /** Leaves the hash of the address in `key`; false when it is not told apart. */
  #locate(address: string): boolean {
    if (this.#exempt?.has(address) || !addressKey(address, key)) return false;
    hashAddress(this.#seed, key, key);
    return true;
  }

  #sum(cell: number): number {
    let sum = 0;
    for (let row = 0; row < this.#workers; row++) {
      sum += Atomics.load(this.#counts, row * ROW + cell);
    }
    return sum;
  }
}

function first(): number {
  return 16 + (key.lo & (CELLS - 1));
}
function second(): number {
  return 16 + CELLS + (key.hi & (CELLS - 1));
}
