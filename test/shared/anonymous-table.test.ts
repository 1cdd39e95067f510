import { describe, expect, test } from "bun:test";
import { AnonymousTable } from "../../src/shared/anonymous-table.ts";
import { addressKey, type AddressKey } from "../../src/shared/address.ts";
import { ADMITTED, LIMITED, newTake } from "../../src/shared/gcra.ts";
import { address, neighbours } from "../support/anonymous-addresses.ts";
import { LIMIT_CASES } from "../support/limit-cases.ts";

const LIMIT = { capacity: 100, ratePerSec: 5 };
const out = newTake();

/** Takes until refused; how many were admitted. */
function drain(table: AnonymousTable, key: AddressKey, now: number): number {
  let admitted = 0;
  while (table.take(key, now, out) === ADMITTED) admitted += 1;
  return admitted;
}

function expectNear(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThan(1e-8 + expected * 1e-9);
}

describe("a take", () => {
  // The last start lies years ahead, where a float64 no longer holds every nanosecond.
  const cases = LIMIT_CASES.filter(({ tokens }) => tokens === undefined);
  for (const start of [0, 12_345_678_901, 2 ** 55]) {
    test.each(cases)(`started at ${start} ns: $name`, ({ capacity, ratePerSec, steps }) => {
      const table = new AnonymousTable(AnonymousTable.reserve({ capacity, ratePerSec }));
      for (const step of steps) {
        const now = start + step.now * 1e9;
        for (let i = 0; i < (step.times ?? 1); i++) {
          expect(table.take(address(1), now, out)).toBe(step.limited ? LIMITED : ADMITTED);
        }
        const taken = { ...out };
        table.peek(address(1), now, out);
        expect(out).toEqual(taken);
        expect(out.limit).toBe(capacity);
        expect(out.window).toBe(capacity / ratePerSec);
        expectNear(out.remaining, step.remaining);
        expectNear(out.resetAfter, step.reset);
        expectNear(out.retryAfter, step.retry);
      }
    });
  }

  test("of one address leaves the others alone", () => {
    const table = new AnonymousTable(AnonymousTable.reserve(LIMIT));
    const key = (text: string): AddressKey => {
      const found = { hi: 0, lo: 0 };
      expect(addressKey(text, found)).toBe(true);
      return found;
    };
    expect(drain(table, key("10.0.0.1"), 0)).toBe(100);
    expect(drain(table, key("::ffff:10.0.0.1"), 0)).toBe(0);
    for (const other of ["10.0.0.2", "::1", "2001:db8::1", "2001:db8:0:1::1"]) {
      expect(drain(table, key(other), 0)).toBe(100);
    }
    expect(drain(table, key("2001:db8::2"), 0)).toBe(0);
  });
});

test("a peek of an unknown address shows a full bucket and makes no entry", () => {
  const table = new AnonymousTable(AnonymousTable.reserve(LIMIT));
  table.peek(address(1), 0, out);
  expect(out).toEqual({ limit: 100, remaining: 100, resetAfter: 0, retryAfter: 0, window: 20 });
  expect(table.numbers().entries).toBe(0);
});

test("a peek of a newcomer to a set whose buckets are all in use shows the one it would share", () => {
  const memory = AnonymousTable.reserve(LIMIT);
  const table = new AnonymousTable(memory);
  const crowd = neighbours(memory, 10);
  for (const key of crowd.slice(0, 8)) table.take(key, 0, out);
  expect(drain(table, crowd[8]!, 0)).toBe(100);
  table.peek(crowd[9]!, 0, out);
  expect(out).toEqual({ limit: 100, remaining: 0, resetAfter: 20, retryAfter: 0.2, window: 20 });
  // The first buckets are full again, and one of them makes room.
  table.peek(crowd[9]!, 0.2e9, out);
  expect(out).toMatchObject({ remaining: 100, retryAfter: 0 });
});

test("the address unused longest gives its place away", () => {
  const memory = AnonymousTable.reserve(LIMIT);
  const table = new AnonymousTable(memory);
  const crowd = neighbours(memory, 9);
  for (const [i, key] of crowd.slice(0, 8).entries()) table.take(key, i * 1e9, out);
  table.take(crowd[0]!, 9e9, out);
  table.take(crowd[8]!, 100e9, out);
  expect(table.numbers()).toEqual({ entries: 8, evictions: 1, overflows: 0, givenUp: 0 });
  // All are there but number 1: taking from them evicts nobody.
  for (const i of [0, 2, 3, 4, 5, 6, 7, 8]) table.take(crowd[i]!, 100e9, out);
  expect(table.numbers().evictions).toBe(1);
});

test("newcomers of a set whose buckets are all in use share one bucket, in that set alone", () => {
  const memory = AnonymousTable.reserve(LIMIT);
  const table = new AnonymousTable(memory);
  const crowd = neighbours(memory, 20);
  for (const key of crowd.slice(0, 8)) expect(drain(table, key, 0)).toBe(100);
  const shared = crowd.slice(8).map((key) => drain(table, key, 0));
  expect(shared).toEqual([100, ...shared.slice(1).fill(0)]);
  expect(table.numbers().overflows).toBe(100 + shared.length);
  expect(drain(table, address(1), 0)).toBe(100);
  // One bucket is full again: the next newcomer gets it for itself.
  expect(drain(table, crowd[8]!, 20e9)).toBe(100);
  expect(drain(table, crowd[8]!, 20e9)).toBe(0);
});

test("a crowd of ten times as many addresses as entries refills no bucket that is in use", () => {
  const table = new AnonymousTable(AnonymousTable.reserve({ capacity: 3, ratePerSec: 0.001 }));
  const victims = Array.from({ length: 500 }, (_, n) => address(n));
  for (const key of victims) expect(drain(table, key, 0)).toBe(3);
  let second = 0;
  for (let n = 1000; n < 1_311_720; n++) {
    const key = address(n);
    if (table.take(key, second, out) !== ADMITTED) second += 1;
  }
  const left = victims.map((key) => {
    let admitted = 0;
    while (table.take(key, second, out) === ADMITTED) admitted += 1;
    return admitted;
  });
  expect(left).toEqual(victims.map(() => 0));
  const { entries, evictions, givenUp } = table.numbers();
  expect({ entries, evictions, givenUp }).toEqual({ entries: 131_072, evictions: 0, givenUp: 0 });
}, 30_000);

test("another thread's table sees the same buckets and the same limit", () => {
  const memory = AnonymousTable.reserve(LIMIT);
  expect(drain(new AnonymousTable(memory), address(1), 0)).toBe(100);
  expect(drain(new AnonymousTable(structuredClone(memory)), address(1), 0)).toBe(0);
});

test("more entries can be reserved", () => {
  const cells = (entries: number): number =>
    AnonymousTable.reserve({ ...LIMIT, entries }).cells.byteLength;
  expect(cells(131_073)).toBeGreaterThan(2 * cells(0) - 200);
  const table = new AnonymousTable(AnonymousTable.reserve({ ...LIMIT, entries: 1_000_000 }));
  for (let n = 0; n < 1000; n++) table.take(address(n), 0, out);
  expect(table.numbers()).toEqual({ entries: 1000, evictions: 0, overflows: 0, givenUp: 0 });
});
