// One crowded set against a plain model that has a bucket for every address for ever. Because only
// full buckets are forgotten, the model needs no ways and no evictions: an address uses its own bucket
// unless that is full and eight others are not; then it uses the shared one.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { AnonymousTable } from "../../src/shared/anonymous-table.ts";
import { ADMITTED, newTake } from "../../src/shared/gcra.ts";
import { neighbours } from "../support/anonymous-addresses.ts";

const CAPACITY = 4;
/** Nanoseconds a token: the rate is 1000 a second. */
const INTERVAL = 1e6;
const CROWD = 14;

class Model {
  /** When each address's bucket is full, in ns. */
  readonly #fullAt = Array.from({ length: CROWD }, () => 0);
  #sharedFullAt = 0;

  take(address: number, now: number): { admitted: boolean; remaining: number; shared: boolean } {
    const inUse = this.#fullAt.filter((fullAt) => fullAt > now).length;
    const shared = this.#fullAt[address]! <= now && inUse >= 8;
    const fullAt = Math.max(now, shared ? this.#sharedFullAt : this.#fullAt[address]!);
    const admitted = fullAt + INTERVAL - now <= CAPACITY * INTERVAL;
    const after = admitted ? fullAt + INTERVAL : fullAt;
    if (shared) this.#sharedFullAt = after;
    else this.#fullAt[address] = after;
    return { admitted, remaining: CAPACITY - (after - now) / INTERVAL, shared };
  }
}

test("a crowded set answers as if every address had its bucket for ever", () => {
  const step = fc.record({
    address: fc.nat(CROWD - 1),
    times: fc.integer({ min: 1, max: CAPACITY + 1 }),
    pause: fc.oneof(fc.constant(0), fc.nat(INTERVAL), fc.nat(5 * INTERVAL)),
  });
  const memory = AnonymousTable.reserve({ capacity: CAPACITY, ratePerSec: 1000 });
  const table = new AnonymousTable(memory);
  const crowd = neighbours(memory, CROWD);
  const out = newTake();
  let now = 0;
  let overflows = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      // Each run starts with the ways as the last one left them, but with all buckets full.
      const model = new Model();
      now += 2 * CAPACITY * INTERVAL;
      for (const { address, times, pause } of steps) {
        now += pause;
        for (let i = 0; i < times; i++) {
          const expected = model.take(address, now);
          expect(table.take(crowd[address]!, now, out) === ADMITTED).toBe(expected.admitted);
          expect(out.remaining).toBeCloseTo(expected.remaining, 9);
          if (expected.shared) overflows += 1;
        }
      }
      expect(table.numbers().overflows).toBe(overflows);
    }),
    { numRuns: 300, endOnFailure: true },
  );
  expect(table.numbers().evictions).toBeGreaterThan(1000);
  expect(overflows).toBeGreaterThan(100);
});
