// The budget of retries against what it stands for: a fifth of the last ten seconds' requests.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { RetryBudget } from "../../src/shared/retry-budget.ts";

const SECOND = 1e9;

const alone = () => new RetryBudget(RetryBudget.reserve({ workers: 1 }), 0);

function retries(budget: RetryBudget, now: number, wanted: number): number {
  let granted = 0;
  for (let i = 0; i < wanted; i++) if (budget.retry(now)) granted++;
  return granted;
}

test("a quiet gateway may retry three times in ten seconds", () => {
  const budget = alone();
  expect(retries(budget, 5 * SECOND, 10)).toBe(3);
  expect(retries(budget, 14.9 * SECOND, 10)).toBe(0);
  expect(retries(budget, 15 * SECOND, 10)).toBe(3);
});

test("a busy one may retry a fifth of its requests, then fails fast until they are history", () => {
  const budget = alone();
  for (let i = 0; i < 1000; i++) budget.request(SECOND);
  expect(retries(budget, 2 * SECOND, 500)).toBe(200);
  expect(retries(budget, 10.9 * SECOND, 500)).toBe(0);
  // The thousand have left the window, the 200 have not.
  expect(retries(budget, 11.5 * SECOND, 500)).toBe(0);
  expect(retries(budget, 12 * SECOND, 500)).toBe(3);
});

test("the budget is that of all workers together, also when one has hardly any traffic", () => {
  const memory = RetryBudget.reserve({ workers: 3 });
  const [busy, quiet, idle] = [0, 1, 2].map((worker) => new RetryBudget(memory, worker)) as [
    RetryBudget,
    RetryBudget,
    RetryBudget,
  ];
  for (let i = 0; i < 100; i++) busy.request(SECOND);
  quiet.request(SECOND);
  expect(retries(quiet, SECOND, 15)).toBe(15);
  expect(retries(busy, SECOND, 10)).toBe(5);
  expect(retries(idle, SECOND, 10)).toBe(0);
  expect(retries(idle, 11 * SECOND, 10)).toBe(3);
  expect(retries(quiet, 11 * SECOND, 10)).toBe(0);
});

test("it agrees with a plain list of what happened when", () => {
  const events = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 4_000 })), {
    maxLength: 300,
  });
  fc.assert(
    fc.property(events, (list) => {
      const budget = alone();
      const log: { retry: boolean; second: number }[] = [];
      let ms = 0;
      for (const [retry, pause] of list) {
        ms += pause;
        const second = Math.floor(ms / 1000);
        const recent = log.filter((entry) => entry.second > second - 10);
        const done = recent.filter((entry) => entry.retry).length;
        const allowed = Math.max(3, Math.floor((recent.length - done) * 0.2));
        if (!retry) {
          budget.request(ms * 1e6);
          log.push({ retry, second });
        } else {
          const granted = budget.retry(ms * 1e6);
          expect(granted).toBe(done < allowed);
          if (granted) log.push({ retry, second });
        }
      }
    }),
  );
});
