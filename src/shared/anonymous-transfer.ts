// Moves the anonymous buckets of one process into the table of another, which has a clock of its own
// and perhaps another limit: what travels is how far each bucket is from being full, never a clock's
// value. Buckets that are full travel as nothing. Used by the main threads while neither table is
// in use. Addresses travel hashed, so both tables must have the same seed.

import { AnonymousTable, type AnonymousTableMemory } from "./anonymous-table.ts";
import * as at from "./anonymous-layout.ts";
import { type Limit, newLimit, rescale, unitsOf } from "./gcra.ts";
import { WordCells } from "./word-cells.ts";

/** Plain data, fit for JSON. */
export interface AnonymousState {
  /** The limit the buckets had: tokens, tokens a second. */
  readonly capacity: number;
  readonly ratePerSec: number;
  /** Base64 of records: hash (two int32), units of the limit until full (float64). */
  readonly buckets: string;
  /** The same of the overflow buckets: set (int32), 0 (int32), units until full (float64). */
  readonly shared: string;
}

/** Int32 of one record. */
const RECORD = 4;

interface Table {
  readonly words: WordCells;
  readonly sets: number;
  readonly limit: Limit;
}

/** What its hashes depend on; a table that shall take over the buckets is reserved with it. */
export function seedOf({ cells }: AnonymousTableMemory): number[] {
  return Array.from(new Int32Array(cells).subarray(at.SEED, at.SEED + 4));
}

/** `now` in ns on the clock of this process. */
export function exportBuckets(memory: AnonymousTableMemory, now: number): AnonymousState {
  const { words, sets, limit } = open(memory);
  const units = unitsOf(limit, now) + 1;
  const buckets = new Records();
  const shared = new Records();
  const ways = sets * at.WAYS;
  for (let way = 0; way < ways; way++) {
    const key = at.HEADER + way;
    words.read(key + ways);
    // Frozen means full, even where its TAT lies a unit ahead.
    if ((words.high & at.FROZEN) !== 0) continue;
    const ahead = words.ahead(units);
    if (ahead <= 0) continue;
    words.read(key);
    const set = Math.floor(way / at.WAYS);
    buckets.add(words.high, (words.low & at.TAG_LOW) | (set & ~at.TAG_LOW), ahead);
  }
  for (let set = 0; set < sets; set++) {
    words.read(sharedCell(sets, set));
    const ahead = words.ahead(units);
    if (ahead > 0) shared.add(set, 0, ahead);
  }
  return {
    capacity: limit.capacity,
    ratePerSec: limit.ratePerSec,
    buckets: buckets.toBase64(),
    shared: shared.toBase64(),
  };
}

/**
 * Fills a fresh table with the seed of the old one. `passedMs` went by since the export and refill
 * it. With another limit each bucket keeps its fraction. A bucket that finds no way (the table is
 * smaller) goes into its set's overflow bucket: never to its owner's advantage. Their number.
 */
export function importBuckets(
  memory: AnonymousTableMemory,
  state: AnonymousState,
  now: number,
  passedMs: number,
): number {
  const table = open(memory);
  const from = newLimit(state.capacity, state.ratePerSec);
  const passed = unitsOf(from, Math.max(0, passedMs) * 1e6);
  const units = unitsOf(table.limit, now) + 1;
  const counters = new BigInt64Array(memory.cells, 0, at.HEADER);
  const convert = (ahead: number): number => {
    const left = Math.min(from.burst, Math.max(0, ahead - passed));
    const same = from.burst === table.limit.burst && from.interval === table.limit.interval;
    return same ? left : rescale(left, from, table.limit);
  };
  let count = 0;
  eachRecord(state.buckets, (hi, lo, ahead) => {
    const left = convert(ahead);
    if (left === 0) return;
    count += 1;
    const set = lo & (table.sets - 1);
    const way = unusedWay(table, set);
    if (way < 0) return raise(table, sharedCell(table.sets, set), 0, units, left);
    // As if the address had just taken its way over: version and generation 1.
    table.words.read(way);
    table.words.swap(way, hi, (lo & at.TAG_LOW) | 1);
    raise(table, way + table.sets * at.WAYS, 1 << at.GENERATION_SHIFT, units, left);
    counters[at.ENTRIES] = counters[at.ENTRIES]! + 1n;
  });
  eachRecord(state.shared, (set, _, ahead) => {
    const left = convert(ahead);
    if (left > 0) raise(table, sharedCell(table.sets, set & (table.sets - 1)), 0, units, left);
  });
  return count;
}

function open(memory: AnonymousTableMemory): Table {
  const header = new Float64Array(memory.cells);
  return {
    words: new WordCells(memory.cells),
    sets: AnonymousTable.sets(memory),
    limit: newLimit(header[at.CAPACITY]!, header[at.RATE]!),
  };
}

function unusedWay({ words }: Table, set: number): number {
  const first = at.HEADER + set * at.WAYS;
  for (let key = first; key < first + at.WAYS; key++) {
    words.read(key);
    if (words.low === 0 && words.high === 0) return key;
  }
  return -1;
}

/** Empties a bucket so far that it is full `ahead` units from now, unless it is emptier already. */
function raise({ words }: Table, cell: number, state: number, units: number, ahead: number): void {
  words.read(cell);
  if (words.ahead(units) < ahead) words.swapTat(cell, state, units, ahead);
}

function sharedCell(sets: number, set: number): number {
  return at.HEADER + sets * (2 * at.WAYS + 1) + set;
}

/** A list that grows without an object for each of its up to millions of entries. */
class Records {
  #bytes = new ArrayBuffer(1024 * RECORD * 4);
  #view = new DataView(this.#bytes);
  #used = 0;

  add(first: number, second: number, ahead: number): void {
    if (this.#used === this.#bytes.byteLength) {
      this.#bytes = this.#bytes.transfer(this.#used * 2);
      this.#view = new DataView(this.#bytes);
    }
    this.#view.setInt32(this.#used, first, true);
    this.#view.setInt32(this.#used + 4, second, true);
    this.#view.setFloat64(this.#used + 8, ahead, true);
    this.#used += RECORD * 4;
  }

  toBase64(): string {
    return Buffer.from(this.#bytes, 0, this.#used).toString("base64");
  }
}

function eachRecord(
  text: string,
  visit: (first: number, second: number, ahead: number) => void,
): void {
  const bytes = Buffer.from(text, "base64");
  for (let i = 0; i + RECORD * 4 <= bytes.length; i += RECORD * 4) {
    visit(bytes.readInt32LE(i), bytes.readInt32LE(i + 4), bytes.readDoubleLE(i + 8));
  }
}
