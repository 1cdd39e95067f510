import { expect, test } from "bun:test";
import { Deadlines, type Waiting } from "../../../src/data/proxy/deadlines.ts";

const SECOND = 1e9;

test("time in which the worker stood still is no backend's delay", () => {
  let now = 5 * SECOND;
  const deadlines = new Deadlines(() => now);
  let timeouts = 0;
  const waiting: Waiting = {
    limit: SECOND,
    deadline: 0,
    held: 0,
    waitingAt: -1,
    onTimeout: () => timeouts++,
  };
  const look = (times: number): void => {
    for (let i = 0; i < times; i++) {
      now += SECOND / 10;
      deadlines.look();
    }
  };
  deadlines.add(waiting, now);
  look(5);
  now += 60 * SECOND;
  look(4);
  expect(timeouts).toBe(0);
  look(2);
  expect(timeouts).toBe(1);
  deadlines.remove(waiting);
  // Ends the looks.
  deadlines.look();
});
