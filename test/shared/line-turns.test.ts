import { expect, test } from "bun:test";
import { LineTurns } from "../../src/shared/line-turns.ts";

const SECOND = 1e9;

test("the first time at once, then once in ten seconds with how often it was", () => {
  let now = 0;
  const turns = new LineTurns(LineTurns.reserve(), () => now);
  const at = (second: number): number => {
    now = second * SECOND;
    return turns.take(7);
  };
  expect([0.2, 0.3, 5, 10.1].map(at)).toEqual([1, 0, 0, 0]);
  expect([11, 11, 20.9].map(at)).toEqual([4, 0, 0]);
  expect([100, 100, 110].map(at)).toEqual([3, 0, 2]);
});

test("each kind has turns of its own", () => {
  const turns = new LineTurns(LineTurns.reserve(), () => 5 * SECOND);
  expect([0, 0, 1, 255, 255].map((kind) => turns.take(kind))).toEqual([1, 0, 1, 1, 0]);
});

test("all workers share them", () => {
  const memory = LineTurns.reserve();
  let now = SECOND;
  const [one, other] = [new LineTurns(memory, () => now), new LineTurns(memory, () => now)];
  expect([one.take(0), other.take(0), other.take(0)]).toEqual([1, 0, 0]);
  now = 12 * SECOND;
  expect([other.take(0), one.take(0)]).toEqual([3, 0]);
});

test("a kind that is forgotten begins anew, the others go on", () => {
  const turns = new LineTurns(LineTurns.reserve(), () => 5 * SECOND);
  expect([3, 3, 3, 4].map((kind) => turns.take(kind))).toEqual([1, 0, 0, 1]);
  turns.forget(3);
  expect([3, 3, 4].map((kind) => turns.take(kind))).toEqual([1, 0, 0]);
});
