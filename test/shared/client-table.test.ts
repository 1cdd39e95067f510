import { describe, expect, test } from "bun:test";
import { ClientTable } from "../../src/shared/client-table.ts";
import { ADMITTED, GONE, LIMITED, newTake } from "../../src/shared/gcra.ts";
import { PAUSE } from "../../src/shared/quarantine.ts";
import { LIMIT_CASES } from "../support/limit-cases.ts";

const LIMIT = { capacity: 100, ratePerSec: 5 };
const out = newTake();

function newTable(maxClients = 100): ClientTable {
  return new ClientTable(ClientTable.reserve({ maxClients }));
}

/** Takes until refused; how many were admitted. */
function empty(table: ClientTable, slot: number, now: number): number {
  let admitted = 0;
  while (table.take(slot, now, out) === ADMITTED) admitted += 1;
  return admitted;
}

/** Equal but for the rounding of an interval to whole units. */
function expectNear(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThan(1e-8 + expected * 1e-9);
}

describe("a take", () => {
  // The second start lies years ahead, where a float64 no longer holds every nanosecond.
  for (const start of [0, 12_345_678_901, 2 ** 55]) {
    test.each([...LIMIT_CASES])(`started at ${start} ns: $name`, (limitCase) => {
      const { capacity, ratePerSec, tokens = capacity, steps } = limitCase;
      const table = newTable(1);
      const slot = table.add("client", { capacity, ratePerSec }, tokens, start);
      for (const step of steps) {
        const now = start + step.now * 1e9;
        for (let i = 0; i < (step.times ?? 1); i++) {
          expect(table.take(slot, now, out)).toBe(step.limited ? LIMITED : ADMITTED);
        }
        expect(out.limit).toBe(capacity);
        expect(out.window).toBe(capacity / ratePerSec);
        expectNear(out.remaining, step.remaining);
        expectNear(out.resetAfter, step.reset);
        expectNear(out.retryAfter, step.retry);
      }
    });
  }

  test("a peek tells the same and takes nothing", () => {
    const table = newTable();
    const slot = table.add("client", LIMIT, 50, 0);
    for (let i = 0; i < 3; i++) {
      expect(table.peek(slot, 0.1e9, out)).toBe(true);
      expect(out).toEqual({
        limit: 100,
        remaining: 50.5,
        resetAfter: 9.9,
        retryAfter: 0,
        window: 20,
      });
    }
  });

  test("one client's takes leave the neighbours alone", () => {
    const table = newTable();
    const slots = ["a", "b", "c"].map((id) => table.add(id, LIMIT, 100, 0));
    expect(empty(table, slots[1]!, 0)).toBe(100);
    expect(empty(table, slots[0]!, 0)).toBe(100);
    expect(empty(table, slots[2]!, 0)).toBe(100);
  });

  test("usage counts admitted and rejected requests and when the last one came", () => {
    const table = newTable();
    const slot = table.add("client", { capacity: 3, ratePerSec: 0.1 }, 3, 0);
    const usage = { admitted: 0, rejected: 0, lastSeen: 0 };
    table.usage(slot, usage);
    expect(usage).toEqual({ admitted: 0, rejected: 0, lastSeen: -1 });
    for (let i = 0; i < 5; i++) table.take(slot, 7.9e9, out);
    table.usage(slot, usage);
    expect(usage).toEqual({ admitted: 3, rejected: 2, lastSeen: 7 });
  });
});

describe("a changed limit", () => {
  test("keeps the fraction that is left", () => {
    const table = newTable();
    const slot = table.add("client", LIMIT, 50, 0);
    table.change(slot, { capacity: 200, ratePerSec: 7 }, null, 0);
    expect(table.ratePerSec(slot)).toBe(7);
    expect(empty(table, slot, 0)).toBe(100);
  });

  test("counts the refill up to the change at the old rate, from then on at the new one", () => {
    const table = newTable();
    const slot = table.add("client", { capacity: 100, ratePerSec: 1 }, 0, 0);
    table.change(slot, { capacity: 100, ratePerSec: 2 }, null, 10e9);
    table.peek(slot, 15e9, out);
    expect(out.remaining).toBe(20);
  });

  test("takes the tokens that are given", () => {
    const table = newTable();
    const slot = table.add("client", LIMIT, 50, 0);
    table.change(slot, { capacity: 10, ratePerSec: 5 }, 7, 3e9);
    expect(empty(table, slot, 3e9)).toBe(7);
  });

  test("can change more often than there are generations", () => {
    const table = newTable();
    const slot = table.add("client", LIMIT, 50, 0);
    for (let i = 1; i <= 100; i++) {
      table.change(slot, { capacity: 100 * i, ratePerSec: i }, null, 0);
      table.peek(slot, 0, out);
      expect([out.limit, out.remaining, table.ratePerSec(slot)]).toEqual([100 * i, 50 * i, i]);
    }
  });
});

describe("a removed client", () => {
  test("is gone for those who still hold its slot", () => {
    const table = newTable();
    const slot = table.add("client", LIMIT, 50, 0);
    expect(table.remove(slot, 0)).toBe(true);
    expect(table.find("client")).toBe(-1);
    expect(table.take(slot, 0, out)).toBe(GONE);
    expect(table.peek(slot, 0, out)).toBe(false);
    expect(table.ratePerSec(slot)).toBe(0);
    expect(table.change(slot, LIMIT, null, 0)).toBe(false);
    expect(table.remove(slot, 0)).toBe(false);
    expect(table.size).toBe(0);
  });

  test("leaves its slot and its id's bytes unused during the pause", () => {
    const table = newTable(2);
    const first = table.add("first", LIMIT, 100, 0);
    table.remove(first, 0);
    const again = table.add("first", LIMIT, 20, 1);
    expect(again).not.toBe(first);
    expect(table.add("third", LIMIT, 100, PAUSE - 1)).toBe(-1);
    expect(table.take(first, 1, out)).toBe(GONE);
    expect(table.idOf(first)).toBe("first");
    expect(table.add("third", LIMIT, 30, PAUSE)).toBe(first);
    expect([table.find("first"), table.find("third")]).toEqual([again, first]);
    expect(empty(table, first, PAUSE)).toBe(30);
  });

  test("starts anew when it is added again: tokens, limit, totals", () => {
    const table = newTable(1);
    const slot = table.add("client", LIMIT, 5, 0);
    empty(table, slot, 0);
    table.remove(slot, 0);
    expect(table.add("client", { capacity: 9, ratePerSec: 1 }, 9, PAUSE)).toBe(slot);
    const usage = { admitted: 0, rejected: 0, lastSeen: 0 };
    table.usage(slot, usage);
    expect(usage).toEqual({ admitted: 0, rejected: 0, lastSeen: -1 });
    expect(empty(table, slot, PAUSE)).toBe(9);
  });
});

describe("the table", () => {
  test("answers -1 when it is full, and takes clients again after a removal", () => {
    const table = newTable(2);
    table.add("a", LIMIT, 1, 0);
    const b = table.add("b", LIMIT, 1, 0);
    expect(table.add("c", LIMIT, 1, 0)).toBe(-1);
    expect(table.find("c")).toBe(-1);
    table.remove(b, 0);
    expect(table.add("c", LIMIT, 1, PAUSE)).toBe(b);
  });

  test("an added client is seen by another instance over the same memory", () => {
    const memory = ClientTable.reserve({ maxClients: 10 });
    const [writer, reader] = [new ClientTable(memory), new ClientTable(memory)];
    const slot = writer.add("client", LIMIT, 50, 0);
    expect(reader.find("client")).toBe(slot);
    expect(empty(reader, slot, 0)).toBe(50);
    expect(writer.take(slot, 0, out)).toBe(LIMITED);
    expect(reader.size).toBe(1);
  });

  test("refuses a second client of one id, and ids and sizes that break its rules", () => {
    const table = newTable();
    table.add("client", LIMIT, 1, 0);
    expect(() => table.add("client", LIMIT, 1, 0)).toThrow("is in the table");
    expect(() => table.add("", LIMIT, 1, 0)).toThrow("not a client id");
    expect(() => table.add("a b", LIMIT, 1, 0)).toThrow("not a client id");
    expect(() => ClientTable.reserve({ maxClients: 4_194_305 })).toThrow(RangeError);
  });

  test("drains every slot once whose tokens changed", () => {
    const table = newTable();
    const slots = Array.from({ length: 70 }, (_, i) => table.add(`client${i}`, LIMIT, 1, 0));
    const drained = () => {
      const seen: number[] = [];
      table.drainDirty((slot) => seen.push(slot));
      return seen;
    };
    expect(drained()).toEqual([]);
    table.take(slots[69]!, 0, out);
    table.take(slots[31]!, 0, out);
    table.take(slots[31]!, 0, out);
    table.change(slots[0]!, LIMIT, 100, 0);
    expect(drained()).toEqual([slots[0]!, slots[31]!, slots[69]!]);
    expect(table.take(slots[31]!, 0, out)).toBe(LIMITED);
    table.peek(slots[5]!, 0, out);
    expect(drained()).toEqual([]);
  });
});
