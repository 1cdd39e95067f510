// Connections of clients over all workers, in all and by address (IPv6 by /64), in one
// SharedArrayBuffer. Each worker writes its own row, so a dead one's connections can be forgotten;
// readers add the rows up. By address it is a sketch of fixed size: what it answers is never below
// the truth, and above it only where others are in both of an address's cells. There are so many
// cells that those others alone do not come near the limit of one address, unless that would take
// more than MOST_CELLS: hundreds of thousands of connections, of which an address may have a few.
// A row: the count in all, then a power of two of counts by each of two hashes; all int32.

import { addressKey, type AddressKey, type CidrSet } from "./address.ts";
import { hashAddress } from "./address-hash.ts";

/** Counts by one hash, at least and at most: 32 KB and 1 MB a worker. */
const FEWEST_CELLS = 2 ** 12;
const MOST_CELLS = 2 ** 17;
/** With all connections open, a cell has this part of what one address may have. */
const SHARE = 1 / 8;
/** Words before the cells. */
const HEAD = 16;

export interface ConnectionLimits {
  readonly workers: number;
  /** Connections at a time, in all and of one address. */
  readonly most: number;
  readonly mostPerAddress: number;
}

export interface ConnectionTableMemory {
  readonly buffer: SharedArrayBuffer;
  readonly workers: number;
  readonly seed: Int32Array;
}

const key: AddressKey = { hi: 0, lo: 0 };

export class ConnectionTable {
  readonly #counts: Int32Array;
  readonly #workers: number;
  /** Of a row. */
  readonly #words: number;
  readonly #mask: number;
  readonly #own: number;
  readonly #seed: Int32Array;
  readonly #exempt: CidrSet | null;

  static reserve({ workers, most, mostPerAddress }: ConnectionLimits): ConnectionTableMemory {
    const seed = crypto.getRandomValues(new Int32Array(4));
    let cells = FEWEST_CELLS;
    while (most / cells > mostPerAddress * SHARE && cells < MOST_CELLS) cells *= 2;
    return { buffer: new SharedArrayBuffer(workers * (HEAD + 2 * cells) * 4), workers, seed };
  }

  /** `worker`: this thread's row; readers need none. Addresses in `exempt` are not told apart. */
  constructor(memory: ConnectionTableMemory, worker = 0, exempt: CidrSet | null = null) {
    this.#counts = new Int32Array(memory.buffer);
    this.#workers = memory.workers;
    this.#seed = memory.seed;
    this.#words = this.#counts.length / memory.workers;
    this.#mask = (this.#words - HEAD) / 2 - 1;
    this.#own = worker * this.#words;
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
    return Math.min(this.#sum(this.#first()), this.#sum(this.#second()));
  }

  /** After a worker died: its connections are gone. Main thread only. */
  clearWorker(row: number): void {
    const start = row * this.#words;
    for (let at = start; at < start + this.#words; at++) Atomics.store(this.#counts, at, 0);
  }

  #add(address: string, amount: 1 | -1): void {
    Atomics.add(this.#counts, this.#own, amount);
    if (!this.#locate(address)) return;
    Atomics.add(this.#counts, this.#own + this.#first(), amount);
    Atomics.add(this.#counts, this.#own + this.#second(), amount);
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
      sum += Atomics.load(this.#counts, row * this.#words + cell);
    }
    return sum;
  }

  #first(): number {
    return HEAD + (key.lo & this.#mask);
  }
  #second(): number {
    return HEAD + this.#mask + 1 + (key.hi & this.#mask);
  }
}
