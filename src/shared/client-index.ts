// Finds a client's slot by its id: open addressing with linear probing in shared memory, one writer,
// readers without locks. There are two areas of every size; one of all is published. To grow, or to
// get rid of removed entries, the writer builds another and publishes it with one store; readers go on
// meanwhile. The areas lie by size, so that the memory in use grows with the clients.
// A rebuild is one piece of the writer's work, 17 ms at 600,000 clients and 35 ms at 1,200,000: only
// control calls wait for it.
// A find that hits is right because it compared the id; a find that misses is right only if the
// published area is still the same afterwards, else it looks again.
//
// Header, 16 i32 (written by the writer, read by any thread)
//   0  published   version << 6 | area << 5 | log2 of its cells
//   1  seed        of the hash, random per process
// Area, 2^n cells of two i32 (same)
//   0  hash        of the id, all 32 bits
//   1  slot + 1    0: never used, the search ends here; -1: removed, the search goes on

import type { ClientIds } from "./client-ids.ts";
import { MAX_CLIENT_ID_LENGTH } from "./clients.ts";
import { growable, growTo } from "./growable.ts";

const PUBLISHED = 0;
const SEED = 1;
const HEADER_INTS = 16;
const LOG_MASK = 31;
const AREA_BIT = 1 << 5;
const VERSION_STEP = 1 << 6;

const EMPTY = 0;
const REMOVED = -1;
const SMALLEST_LOG = 6;
/** Rebuild when more than this part of the cells is used or removed … */
const FULL = 0.6;
/** … into an area where clients fill at most this part. */
const ROOMY = 0.4;

export class ClientIndex {
  readonly #cells: Int32Array;
  readonly #ids: ClientIds;
  readonly #seed: number;
  readonly #memory: SharedArrayBuffer;
  /** The bytes of an id that came as text. */
  readonly #spelt = new Uint8Array(MAX_CLIENT_ID_LENGTH);
  /** Writer's own: cells that hold a client, and cells that are not empty. */
  #live = 0;
  #occupied = 0;

  /** Two areas of each size, up to at least two cells a client, used only as clients come. */
  static reserve(maxClients: number): SharedArrayBuffer {
    const memory = growable(4 * areasEnd(logFor(maxClients, 0.5)));
    const cells = new Int32Array(memory);
    cells[SEED] = crypto.getRandomValues(new Int32Array(1))[0]!;
    cells[PUBLISHED] = SMALLEST_LOG;
    return memory;
  }

  constructor(memory: SharedArrayBuffer, ids: ClientIds) {
    this.#cells = new Int32Array(memory);
    this.#ids = ids;
    this.#seed = this.#cells[SEED]!;
    this.#memory = memory;
  }

  /** The client's slot, or -1. Any thread; allocates nothing. */
  find(id: string): number {
    return this.#spell(id) ? this.findBytes(this.#spelt, 0, id.length) : -1;
  }

  /** The same of the id in [from, to). */
  findBytes(bytes: Uint8Array, from: number, to: number): number {
    if (from === to || to - from > MAX_CLIENT_ID_LENGTH) return -1;
    const hash = hashOf(bytes, from, to, this.#seed);
    for (;;) {
      const published = Atomics.load(this.#cells, PUBLISHED);
      const slot = this.#search(published, hash, bytes, from, to);
      if (slot >= 0) return slot;
      if (Atomics.load(this.#cells, PUBLISHED) === published) return -1;
    }
  }

  /** Writer only: a client that is not in the index; its id is stored under the slot already. */
  insert(id: string, slot: number): void {
    if (this.#occupied + 1 > FULL * this.#cellCount()) this.#rebuild();
    this.#place(Atomics.load(this.#cells, PUBLISHED), this.#hash(id), slot);
  }

  /** Writer only. False when the slot is not under this id. */
  remove(id: string, slot: number): boolean {
    const published = Atomics.load(this.#cells, PUBLISHED);
    const mask = cellsOf(published) - 1;
    const area = areaOf(published);
    let at = this.#hash(id) & mask;
    for (let found = 0; ; at = (at + 1) & mask) {
      found = Atomics.load(this.#cells, area + at * 2 + 1);
      if (found === EMPTY) return false;
      if (found === slot + 1) break;
    }
    Atomics.store(this.#cells, area + at * 2 + 1, REMOVED);
    this.#live -= 1;
    return true;
  }

  /** Writes the id's bytes to the scratch. False when it cannot be one. */
  #spell(id: string): boolean {
    if (id.length > MAX_CLIENT_ID_LENGTH) return false;
    for (let i = 0; i < id.length; i++) {
      const code = id.charCodeAt(i);
      if (code > 127) return false;
      this.#spelt[i] = code;
    }
    return true;
  }

  #hash(id: string): number {
    if (!this.#spell(id)) throw new RangeError("not a client id");
    return hashOf(this.#spelt, 0, id.length, this.#seed);
  }

  #search(published: number, hash: number, bytes: Uint8Array, from: number, to: number): number {
    const mask = cellsOf(published) - 1;
    const area = areaOf(published);
    // The bound matters only to a reader whose area is just being built anew for another size.
    for (let probe = 0, at = hash & mask; probe <= mask; probe++, at = (at + 1) & mask) {
      const cell = area + at * 2;
      const slot = Atomics.load(this.#cells, cell + 1);
      if (slot === EMPTY) return -1;
      if (slot === REMOVED || this.#cells[cell] !== hash) continue;
      if (this.#ids.equalsBytes(slot - 1, bytes, from, to)) return slot - 1;
    }
    return -1;
  }

  /** First removed or empty cell; the hash first, the slot publishes it. */
  #place(published: number, hash: number, slot: number): void {
    const mask = cellsOf(published) - 1;
    const area = areaOf(published);
    let at = hash & mask;
    while (Atomics.load(this.#cells, area + at * 2 + 1) > EMPTY) at = (at + 1) & mask;
    const cell = area + at * 2;
    if (Atomics.load(this.#cells, cell + 1) === EMPTY) this.#occupied += 1;
    this.#live += 1;
    Atomics.store(this.#cells, cell, hash);
    Atomics.store(this.#cells, cell + 1, slot + 1);
  }

  #rebuild(): void {
    const old = Atomics.load(this.#cells, PUBLISHED);
    const end = areaOf(old) + cellsOf(old) * 2;
    let log = logFor(this.#live + 1, ROOMY);
    // Near the most clients there is no room for that one: then the largest is fuller.
    while (areasEnd(log) * 4 > this.#memory.maxByteLength) log--;
    const other = log === (old & LOG_MASK) ? ~old & AREA_BIT : 0;
    const next = (old & ~(LOG_MASK | AREA_BIT)) + VERSION_STEP + other + log;
    growTo(this.#memory, areasEnd(log) * 4);
    const area = areaOf(next);
    this.#cells.fill(EMPTY, area, area + cellsOf(next) * 2);
    this.#live = 0;
    this.#occupied = 0;
    for (let cell = areaOf(old); cell < end; cell += 2) {
      const slot = this.#cells[cell + 1]!;
      if (slot > EMPTY) this.#place(next, this.#cells[cell]!, slot - 1);
    }
    // An exchange, not a store: the next rebuild's writes to the old area must not overtake it.
    Atomics.exchange(this.#cells, PUBLISHED, next | 0);
  }

  #cellCount(): number {
    return cellsOf(Atomics.load(this.#cells, PUBLISHED));
  }
}

/** Cells of the published area. Shifts, as a power is a call of the engine; there are at most 2^23. */
function cellsOf(published: number): number {
  return 1 << (published & LOG_MASK);
}

/** Where the two areas of 2^log cells begin, in ints. */
function areasStart(log: number): number {
  return HEADER_INTS + 4 * ((1 << log) - (1 << SMALLEST_LOG));
}

function areasEnd(log: number): number {
  return areasStart(log + 1);
}

function areaOf(published: number): number {
  const first = areasStart(published & LOG_MASK);
  return (published & AREA_BIT) === 0 ? first : first + cellsOf(published) * 2;
}

function logFor(clients: number, load: number): number {
  return Math.max(SMALLEST_LOG, Math.ceil(Math.log2(clients / load)));
}

/**
 * Multiply and rotate over the bytes, then the finalizer lowbias32 (C. Wellons, 2018). Only the
 * administrator puts ids into the table, so nobody from outside can make a chain long; the random
 * seed keeps a list of ids that collide from being prepared. Not a cryptographic hash.
 */
function hashOf(bytes: Uint8Array, from: number, to: number, seed: number): number {
  let hash = seed ^ (to - from);
  for (let at = from; at < to; at++) {
    hash = Math.imul(hash ^ bytes[at]!, 0x9e3779b1);
    hash = (hash << 15) | (hash >>> 17);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return hash ^ (hash >>> 16);
}
