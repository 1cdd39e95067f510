import { expect, test } from "bun:test";
import {
  ejected,
  MAX_EJECTION_MS,
  mayEject,
  NEVER_EJECTED,
} from "../../../src/control/health/ejection.ts";

const BASE = 10_000;

test("each ejection in short order lasts one base time longer, up to five minutes", () => {
  let state = NEVER_EJECTED;
  let now = 1_000_000;
  const lasted: number[] = [];
  for (let i = 0; i < 40; i++) {
    state = ejected(state, now, BASE);
    lasted.push(state.untilMs - now);
    now = state.untilMs + 1;
  }
  expect(lasted.slice(0, 4)).toEqual([10_000, 20_000, 30_000, 40_000]);
  expect(lasted.at(-1)).toBe(MAX_EJECTION_MS);
});

test("time in service is credited, a minute for a step", () => {
  let state = NEVER_EJECTED;
  for (let i = 0; i < 3; i++) state = ejected(state, state.untilMs, BASE);
  expect(state.times).toBe(3);
  const after = (minutes: number) => ejected(state, state.untilMs + minutes * 60_000, BASE).times;
  expect([0, 0.9, 1, 2.5, 3, 1000].map(after)).toEqual([4, 4, 3, 2, 1, 1]);
});

test("at most half of the backends, rounded down, are ejected", () => {
  const most = [1, 2, 3, 4, 5].map((backends) => {
    let count = 0;
    while (mayEject(count, backends)) count++;
    return count;
  });
  expect(most).toEqual([0, 1, 1, 2, 2]);
});
