import { expect, test } from "bun:test";
import fc from "fast-check";
import { Deadline, DeadlineWheel } from "../../../src/data/http1/deadlines.ts";

const TICK = 100;

class Owner {
  readonly deadline = new Deadline(this);
  called: number[] = [];
  /** What the plain model expects: due times that were set and neither moved nor cleared. */
  due = Infinity;
  onDeadline(now: number): void {
    this.called.push(now);
    this.due = Infinity;
  }
}

test("every deadline is called within a tick, once, wherever it was moved", () => {
  const step = fc.record({
    owner: fc.nat(3),
    what: fc.constantFrom("set", "set", "set", "clear", "remove"),
    delay: fc.oneof(fc.nat(500), fc.nat(300_000)),
    pass: fc.oneof(fc.nat(250), fc.nat(5000), fc.nat(200_000)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(10_000), (steps, start) => {
      const wheel = new DeadlineWheel(start);
      const owners = [0, 1, 2, 3].map(() => new Owner());
      let now = start;
      for (const { owner: index, what, delay, pass } of steps) {
        const owner = owners[index]!;
        if (what === "set") wheel.set(owner.deadline, delay);
        else wheel[what](owner.deadline);
        owner.due = what === "set" ? wheel.now + delay : Infinity;
        const due = owners.map((each) => each.due);
        const called = owners.map((each) => each.called.length);
        now += pass;
        wheel.advance(now);
        for (const [i, each] of owners.entries()) {
          const calls = each.called.length - called[i]!;
          if (due[i]! > now) expect(calls).toBe(0);
          else if (due[i]! <= now - TICK) expect(calls).toBe(1);
          else expect(calls).toBeLessThanOrEqual(1);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("an owner may set its deadline again, or remove another's, while it is called", () => {
  const wheel = new DeadlineWheel(0);
  const calls: string[] = [];
  const second = new Deadline({ onDeadline: () => void calls.push("second") });
  const first: Deadline = new Deadline({
    onDeadline: () => {
      calls.push("first");
      wheel.remove(second);
      if (calls.length < 3) wheel.set(first, 0);
    },
  });
  wheel.set(first, 50);
  wheel.set(second, 50);
  for (let now = 0; now <= 1000; now += 50) wheel.advance(now);
  expect(calls).toEqual(["first", "first", "first"]);
});

test("time in which the worker stood still is nobody's delay", () => {
  const wheel = new DeadlineWheel(0);
  const owner = new Owner();
  for (let now = 0; now <= 1000; now += TICK) wheel.tick(now);
  wheel.set(owner.deadline, 500);
  wheel.tick(60_000);
  // Set before the next tick, as what arrived meanwhile is: its time is not short.
  const other = new Owner();
  wheel.set(other.deadline, 500);
  for (let now = 60_100; now <= 60_300; now += TICK) wheel.tick(now);
  expect([owner.called.length, other.called.length]).toEqual([0, 0]);
  for (let now = 60_400; now <= 60_600; now += TICK) wheel.tick(now);
  expect([owner.called.length, other.called.length]).toEqual([1, 1]);
});
