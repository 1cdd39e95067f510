// Every half-way state in which a thread can die or be overtaken, set up by hand: the thread's own
// steps are called one by one, with the others' takes between them.

import { beforeEach, describe, expect, test } from "bun:test";
import type { AddressKey } from "../../src/shared/address.ts";
import { AnonymousBuckets, RETRY } from "../../src/shared/anonymous-buckets.ts";
import { AnonymousClaims } from "../../src/shared/anonymous-claims.ts";
import * as at from "../../src/shared/anonymous-layout.ts";
import { AnonymousTable, type AnonymousTableMemory } from "../../src/shared/anonymous-table.ts";
import { ADMITTED, newLimit, newTake } from "../../src/shared/gcra.ts";
import { WordCells } from "../../src/shared/word-cells.ts";
import { neighbours, place } from "../support/anonymous-addresses.ts";

const CAPACITY = 3;
/** All that came at 0 are full again. */
const LATER = 100e9;
const CLAIMS = at.HEADER + at.MIN_SETS * 2 * at.WAYS;

/** Cells of a thread that is interrupted once, right after it has read one. */
class InterruptedCells extends WordCells {
  interrupt: (() => void) | null = null;

  override read(cell: number): void {
    super.read(cell);
    const interrupt = this.interrupt;
    this.interrupt = null;
    interrupt?.();
  }
}

const out = newTake();
let memory: AnonymousTableMemory;
let table: AnonymousTable;
/** The slow thread: its claims, its view of the memory. */
let slow: AnonymousClaims;
let cells: WordCells;
/** The first eight own the ways of their set, in this order; the others are newcomers. */
let crowd: AddressKey[];

beforeEach(() => {
  memory = AnonymousTable.reserve({ capacity: CAPACITY, ratePerSec: 1 });
  table = new AnonymousTable(memory);
  cells = new WordCells(memory.cells);
  slow = new AnonymousClaims(cells, new BigInt64Array(memory.cells, 0, at.HEADER), at.MIN_SETS);
  crowd = neighbours(memory, 20);
  for (const owner of crowd.slice(0, at.WAYS)) table.take(owner, 0, out);
});

/** Takes at LATER until refused; how many were admitted. */
function drain(address: AddressKey): number {
  let admitted = 0;
  while (table.take(address, LATER, out) === ADMITTED) admitted += 1;
  return admitted;
}

const keyOfWay = (way: number): number => place(memory, crowd[0]!).firstKey + way;

/** What the slow thread writes when it claims a way for a newcomer. */
function announce(newcomer: AddressKey, way: number, version: number): readonly [number, number] {
  const { set, tag, tagLow } = place(memory, newcomer);
  const low = tagLow | (version << at.CLAIM_VERSION_SHIFT) | (way << at.WAY_SHIFT) | at.ACTIVE;
  cells.read(CLAIMS + set);
  expect(cells.swap(CLAIMS + set, tag.hi, low)).toBe(true);
  return [tag.hi, low];
}

/** Eight addresses of the set get their whole capacity and no more, so nothing is stuck or doubled. */
function expectAllServed(addresses: readonly AddressKey[]): void {
  expect(addresses.map(drain)).toEqual(addresses.map(() => CAPACITY));
  expect(table.numbers().overflows).toBe(0);
  expect(table.numbers().givenUp).toBe(0);
}

describe("a thread died", () => {
  test("after it froze every bucket: owners and newcomers go on", () => {
    for (let way = 0; way < at.WAYS; way++) slow.freeze(keyOfWay(way), LATER);
    expectAllServed([...crowd.slice(0, 4), ...crowd.slice(8, 12)]);
  });

  test("after it claimed a way: the next newcomer finishes the claim", () => {
    announce(crowd[8]!, 3, slow.freeze(keyOfWay(3), LATER));
    expectAllServed(crowd.slice(9, 17));
  });

  test("after it claimed a way: its address finds that way", () => {
    announce(crowd[8]!, 3, slow.freeze(keyOfWay(3), LATER));
    expectAllServed([crowd[8]!]);
    const { tag, firstKey } = place(memory, crowd[8]!);
    expect(cells.halves[(firstKey + 3) * 2 + 1]).toBe(tag.hi);
  });

  test("after it claimed a way: the way's owner keeps it by coming back", () => {
    announce(crowd[8]!, 3, slow.freeze(keyOfWay(3), LATER));
    expectAllServed([crowd[3]!, ...crowd.slice(8, 15)]);
    const { tag, firstKey } = place(memory, crowd[3]!);
    expect(cells.halves[(firstKey + 3) * 2 + 1]).toBe(tag.hi);
  });

  test("after it moved the key: the claim counts as carried out", () => {
    const version = slow.freeze(keyOfWay(3), LATER);
    announce(crowd[8]!, 3, version);
    const { tag, tagLow } = place(memory, crowd[8]!);
    cells.read(keyOfWay(3));
    cells.swap(keyOfWay(3), tag.hi, tagLow | (version + 1));
    expectAllServed(crowd.slice(8, 16));
  });
});

describe("a thread is overtaken", () => {
  test("an evictor by the owner: the claim comes to nothing, the owner's takes count", () => {
    const version = slow.freeze(keyOfWay(0), LATER);
    expect(table.take(crowd[0]!, LATER, out)).toBe(ADMITTED);
    const claim = announce(crowd[8]!, 0, version);
    slow.finish(place(memory, crowd[0]!).set, ...claim);
    expect(drain(crowd[0]!)).toBe(CAPACITY - 1);
    expect(drain(crowd[8]!)).toBe(CAPACITY);
  });

  test("a taker by an eviction: its compare-and-swap fails", () => {
    const word = keyOfWay(0) + at.MIN_SETS * at.WAYS;
    for (const newcomer of crowd.slice(8, 16)) {
      cells.read(word);
      table.take(newcomer, LATER, out);
      const generation = cells.high & at.GENERATION;
      if (table.numbers().evictions === 0) continue;
      expect(cells.swapTat(word, generation, LATER, 1e9)).toBe(false);
      return;
    }
    expect.unreachable();
  });

  test("an evictor that only froze has already stopped the takers", () => {
    const word = keyOfWay(0) + at.MIN_SETS * at.WAYS;
    cells.read(word);
    const { high, low } = cells;
    slow.freeze(keyOfWay(0), LATER);
    cells.high = high;
    cells.low = low;
    expect(cells.swapTat(word, high & at.GENERATION, LATER, 1e9)).toBe(false);
  });

  test("a finisher by another: nothing happens twice", () => {
    const set = place(memory, crowd[0]!).set;
    const claim = announce(crowd[8]!, 0, slow.freeze(keyOfWay(0), LATER));
    slow.finish(set, ...claim);
    expect(drain(crowd[8]!)).toBe(CAPACITY);
    slow.finish(set, ...claim);
    expect(drain(crowd[8]!)).toBe(0);
    expectAllServed(crowd.slice(9, 16));
  });

  test("a finisher whose claim is gone moves nothing, even at the claimed version", () => {
    const { set, tag, tagLow } = place(memory, crowd[8]!);
    const version = slow.freeze(keyOfWay(0), LATER);
    slow.finish(set, tag.hi, tagLow | (version << at.CLAIM_VERSION_SHIFT) | at.ACTIVE);
    expect(cells.halves[keyOfWay(0) * 2 + 1]).toBe(place(memory, crowd[0]!).tag.hi);
  });

  test("freezing a bucket in use does nothing", () => {
    table.take(crowd[0]!, LATER, out);
    expect(slow.freeze(keyOfWay(0), LATER)).toBe(-1);
    expect(drain(crowd[0]!)).toBe(CAPACITY - 1);
  });

  test("a clock that runs behind the evictor's still finds a full bucket", () => {
    slow.freeze(keyOfWay(0), LATER + 20_000);
    expect(drain(crowd[0]!)).toBe(CAPACITY);
  });

  test("a taker whose bucket has another owner by now leaves it alone", () => {
    const buckets = new AnonymousBuckets(cells, newLimit(CAPACITY, 1), at.MIN_SETS);
    const { tag } = place(memory, crowd[8]!);
    expect(buckets.take(keyOfWay(0), tag, LATER, out)).toBe(RETRY);
    expect(buckets.peek(keyOfWay(0), tag, LATER, out)).toBe(false);
    expect(drain(crowd[0]!)).toBe(CAPACITY);
  });

  test.each(["take", "peek"] as const)(
    "a %s by an eviction: the next owner does not answer for what it read",
    (kind) => {
      const interrupted = new InterruptedCells(memory.cells);
      const buckets = new AnonymousBuckets(interrupted, newLimit(CAPACITY, 1), at.MIN_SETS);
      while (table.take(crowd[0]!, 0, out) === ADMITTED);
      const { set, tag } = place(memory, crowd[8]!);
      interrupted.interrupt = () => {
        slow.finish(set, ...announce(crowd[8]!, 0, slow.freeze(keyOfWay(0), LATER)));
      };
      expect(buckets[kind](keyOfWay(0), tag, 0, out)).toBe(kind === "take" ? RETRY : false);
      expect(drain(crowd[8]!)).toBe(CAPACITY);
    },
  );

  test("a take from the shared bucket by another: it is not refused for what was there before", () => {
    const interrupted = new InterruptedCells(memory.cells);
    const buckets = new AnonymousBuckets(interrupted, newLimit(CAPACITY, 1), at.MIN_SETS);
    const word = CLAIMS + at.MIN_SETS + place(memory, crowd[0]!).set;
    while (buckets.takeShared(word, 0, out) === ADMITTED);
    interrupted.interrupt = () => {
      cells.read(word);
      cells.swapTat(word, 0, LATER, 0);
    };
    expect(buckets.takeShared(word, 0, out)).toBe(RETRY);
  });

  test("a take on a clock that runs behind never turns a bucket's word back", () => {
    // One token is one nanosecond here, less than the clocks differ.
    const buckets = new AnonymousBuckets(cells, newLimit(CAPACITY, 1e9), at.MIN_SETS);
    const { tag, firstKey } = place(memory, crowd[0]!);
    slow.freeze(firstKey, LATER + 20_000);
    expect(buckets.take(firstKey, tag, LATER, out)).toBe(RETRY); // thawed
    expect(buckets.take(firstKey, tag, LATER, out)).toBe(ADMITTED);
    cells.read(firstKey + at.MIN_SETS * at.WAYS);
    expect(cells.ahead(LATER + 20_000)).toBeGreaterThan(0);
  });
});
