// The cycle is judged as a client of the rotation would: exact counts, and nobody waits for its
// turn longer than its share allows.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { buildSchedule, MAX_CYCLE } from "../../src/shared/schedule.ts";

const weights = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 });

function counts(order: readonly number[], members: number): number[] {
  return Array.from({ length: members }, (_, i) => order.filter((index) => index === i).length);
}

test("equal weights visit in order", () => {
  expect(buildSchedule([1, 1, 1])).toEqual([0, 1, 2]);
  expect(buildSchedule([7, 7, 7, 7])).toEqual([0, 1, 2, 3]);
  expect(buildSchedule([5])).toEqual([0]);
  expect(buildSchedule([])).toEqual([]);
});

test("a heavy member is spread over the cycle, not served in one run", () => {
  const order = buildSchedule([5, 1, 1]);
  expect(counts(order, 3)).toEqual([5, 1, 1]);
  expect(order.join("")).not.toContain("0000");
});

test("property: shares are exact over the cycle and within one turn after every step", () => {
  fc.assert(
    fc.property(weights, (list) => {
      const order = buildSchedule(list);
      const total = list.reduce((sum, weight) => sum + weight, 0);
      const given = list.map(() => 0);
      for (const [step, index] of order.entries()) {
        given[index]!++;
        for (const [i, weight] of list.entries()) {
          expect(Math.abs(given[i]! - ((step + 1) * weight) / total)).toBeLessThan(1);
        }
      }
      expect(given).toEqual(list.map((weight) => (weight * order.length) / total));
    }),
    { numRuns: 200 },
  );
});

test("property: weights that need too long a cycle are scaled, nobody is left out", () => {
  const heavy = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 2, maxLength: 40 });
  fc.assert(
    fc.property(heavy, (list) => {
      const order = buildSchedule(list, 200);
      const total = list.reduce((sum, weight) => sum + weight, 0);
      expect(order.length).toBeLessThanOrEqual(200);
      for (const [i, count] of counts(order, list.length).entries()) {
        expect(count).toBeGreaterThanOrEqual(1);
        // Each share is off by its own rounding and by what the others gained through theirs.
        const share = count / order.length;
        expect(Math.abs(share - list[i]! / total)).toBeLessThan((list.length + 1) / 100);
      }
    }),
    { numRuns: 200 },
  );
});

test("the largest list fits the longest cycle, quickly enough for the main thread", () => {
  const list = Array.from({ length: 256 }, (_, i) => 1000 - i);
  const start = performance.now();
  const order = buildSchedule(list);
  expect(performance.now() - start).toBeLessThan(500);
  expect(order.length).toBeLessThanOrEqual(MAX_CYCLE);
  expect(new Set(order).size).toBe(256);
});
