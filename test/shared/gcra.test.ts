import { describe, expect, test } from "bun:test";
import { aheadFor, newLimit, rescale, unitsOf } from "../../src/shared/gcra.ts";

const EXACT = 2 ** 53;

describe("a limit as integers", () => {
  test.each([1, 2, 5, 10, 50, 100, 1000, 0.1, 0.001, 1e9, 1e6, 0.5, 0.25])(
    "%p a second is exact",
    (rate) => {
      const limit = newLimit(1000, rate);
      expect((limit.interval * 2 ** limit.exponent * rate) / 1e9).toBe(1);
    },
  );

  test("the rate in force is never above the configured one and close below it", () => {
    for (const capacity of [1, 7, 100, 1e6, 1e9]) {
      for (let rate = 1e-9; rate <= 1e9; rate *= 1.37) {
        const limit = newLimit(capacity, rate);
        const inForce = 1e9 / (limit.interval * 2 ** limit.exponent);
        const lower = (rate - inForce) / rate;
        expect(lower).toBeGreaterThan(-1e-15);
        expect(lower).toBeLessThan(Math.max(rate / 1e9, capacity / 2 ** 52) + 1e-15);
        expect(limit.burst).toBeLessThan(EXACT);
        expect(limit.burst).toBe(Math.floor(capacity * limit.interval));
      }
    }
  });

  test("slower than one token in 31 years acts as that", () => {
    expect(newLimit(1, 1e-300).interval).toBe(newLimit(1, 1e-9).interval);
  });

  test("an ordinary limit counts in nanoseconds, a very long one in larger units", () => {
    expect(newLimit(100, 5).exponent).toBe(0);
    const long = newLimit(1e9, 1e-9);
    expect(long.exponent).toBe(37);
    expect(unitsOf(long, 2 ** 40)).toBe(8);
  });
});

describe("a share of a bucket", () => {
  test("whole tokens are exact", () => {
    const limit = newLimit(100, 3);
    for (let tokens = 0; tokens <= 100; tokens++) {
      expect((limit.burst - aheadFor(limit, tokens)) / limit.interval).toBe(tokens);
    }
  });

  test("changing the limit keeps the fraction and never rounds it up", () => {
    const from = newLimit(100, 5);
    const to = newLimit(200, 3);
    expect(rescale(aheadFor(from, 50), from, to)).toBe(aheadFor(to, 100));
    expect(rescale(0, from, to)).toBe(0);
    expect(rescale(from.burst, from, to)).toBe(to.burst);
    expect(rescale(from.burst + 5, from, to)).toBe(to.burst);
    expect(rescale(1, from, to)).toBe(4);
  });
});
