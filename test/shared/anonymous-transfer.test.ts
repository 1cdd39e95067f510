// Anonymous buckets that move to another process: no token is won, none is lost but by rounding, and
// the clocks of both may show anything.

import { expect, test } from "bun:test";
import type { AddressKey } from "../../src/shared/address.ts";
import { AnonymousTable } from "../../src/shared/anonymous-table.ts";
import { exportBuckets, importBuckets, seedOf } from "../../src/shared/anonymous-transfer.ts";
import { ADMITTED, newTake } from "../../src/shared/gcra.ts";
import { neighbours } from "../support/anonymous-addresses.ts";

const LIMIT = { capacity: 10, ratePerSec: 2 };
const out = newTake();
const address = (n: number): AddressKey => ({ hi: 7, lo: n });
/** The clock of the old process and that of the new one. */
const OLD = 5_000_000_000_000;
const NEW = 130_000_000;

function oldTable(limit = LIMIT) {
  const memory = AnonymousTable.reserve(limit);
  return { memory, table: new AnonymousTable(memory) };
}

function successor(old: ReturnType<typeof oldTable>, limit = LIMIT, passedMs = 0) {
  const memory = AnonymousTable.reserve({ ...limit, seed: seedOf(old.memory) });
  const state = JSON.parse(JSON.stringify(exportBuckets(old.memory, OLD))) as ReturnType<
    typeof exportBuckets
  >;
  const count = importBuckets(memory, state, NEW, passedMs);
  return { count, table: new AnonymousTable(memory) };
}

function tokens(table: AnonymousTable, key: AddressKey, now: number): number {
  table.peek(key, now, out);
  return out.remaining;
}

test("every bucket arrives with what it held, and full ones are not sent", () => {
  const old = oldTable();
  for (let n = 0; n < 5_000; n++) {
    for (let take = 0; take < n % 11; take++) old.table.take(address(n), OLD, out);
  }
  const next = successor(old);
  expect(next.count).toBe(5_000 - Math.ceil(5_000 / 11));
  for (let n = 0; n < 5_000; n++) {
    expect(tokens(next.table, address(n), NEW)).toBe(tokens(old.table, address(n), OLD));
  }
  // And they are ordinary buckets there: exactly what is left can be taken.
  let admitted = 0;
  for (let i = 0; i < 20; i++) if (next.table.take(address(4), NEW, out) === ADMITTED) admitted++;
  expect(admitted).toBe(6);
  expect(next.table.numbers().givenUp).toBe(0);
});

test("the time that the move took refills them", () => {
  const old = oldTable();
  for (let take = 0; take < 10; take++) old.table.take(address(1), OLD, out);
  expect(tokens(successor(old, LIMIT, 1_500).table, address(1), NEW)).toBe(3);
  expect(tokens(successor(old, LIMIT, 3_600_000).table, address(1), NEW)).toBe(10);
});

test("another limit keeps the fraction that is left", () => {
  const old = oldTable();
  for (let take = 0; take < 6; take++) old.table.take(address(1), OLD, out);
  const next = successor(old, { capacity: 1000, ratePerSec: 0.5 });
  expect(tokens(next.table, address(1), NEW)).toBe(400);
});

test("what a crowded set could not hold stays in its overflow bucket", () => {
  const old = oldTable();
  const crowd = neighbours(old.memory, 9);
  for (const key of crowd) for (let take = 0; take < 4; take++) old.table.take(key, OLD, out);
  expect(old.table.numbers().overflows).toBe(4);
  const next = successor(old);
  next.table.take(crowd[8]!, NEW, out);
  expect(next.table.numbers().overflows).toBe(1);
  expect(out.remaining).toBe(5);
  for (const key of crowd.slice(0, 8)) expect(tokens(next.table, key, NEW)).toBe(6);
});

test("a bucket that was thawed or frozen by another's visit moves as any other", () => {
  const old = oldTable();
  const crowd = neighbours(old.memory, 12);
  // Ways change hands: each full again before the next crowd comes.
  for (let round = 0; round < 6; round++) {
    const now = OLD - (6 - round) * 60e9;
    for (const key of crowd.slice(round, round + 6)) old.table.take(key, now, out);
  }
  for (const key of crowd.slice(5, 11)) old.table.take(key, OLD, out);
  const next = successor(old);
  for (const key of crowd) {
    expect(tokens(next.table, key, NEW)).toBe(tokens(old.table, key, OLD));
  }
  for (const key of crowd) expect(next.table.take(key, NEW, out)).toBe(ADMITTED);
});
