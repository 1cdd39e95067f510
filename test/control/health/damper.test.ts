import { expect, test } from "bun:test";
import { Damper } from "../../../src/control/health/damper.ts";

const MINUTE = 60_000;

test("changes that are rare are all told", () => {
  const damper = new Damper();
  const told = Array.from({ length: 50 }, (_, i) => damper.change(i * 15_000));
  expect(new Set(told)).toEqual(new Set(["tell"]));
  expect(damper.summary(50 * 15_000)).toBeNull();
});

test("of many in short order the first are told, the others summed up until it is over", () => {
  const damper = new Damper();
  const told = Array.from({ length: 10 }, (_, i) => damper.change(1000 * i));
  expect(told).toEqual([...new Array(5).fill("tell"), "last", ...new Array(4).fill("count")]);
  expect(damper.summary(30_000)).toBeNull();
  const flapping = damper.summary(5000 + MINUTE);
  expect(flapping).toEqual({ changes: 4, overMs: MINUTE, calm: false });
  expect(damper.change(70_000)).toBe("count");
  expect(damper.summary(5000 + 2 * MINUTE)).toEqual({ changes: 1, overMs: MINUTE, calm: true });
  expect(damper.summary(5000 + 4 * MINUTE)).toBeNull();
  expect(damper.change(500_000)).toBe("tell");
});
