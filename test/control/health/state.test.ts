import { expect, test } from "bun:test";
import fc from "fast-check";
import { eject, type HealthState, observe, UNKNOWN } from "../../../src/control/health/state.ts";

const THRESHOLDS = { rise: 2, fall: 3 };

/** One character a result, `+` or `-`; answers the health after each, upper case when it flipped. */
function walk(results: string, from: HealthState = UNKNOWN): string {
  let state = from;
  return results
    .split("")
    .map((result) => {
      const observed = observe(state, result === "+", THRESHOLDS);
      state = observed.state;
      const letter = state.health === "healthy" ? "h" : "u";
      return observed.flipped ? letter.toUpperCase() : letter;
    })
    .join("");
}

const CASES: readonly [name: string, results: string, health: string][] = [
  ["the first success at start is enough", "+", "H"],
  ["the first failure at start is enough", "-", "U"],
  ["`fall` failures in a row make it unhealthy", "+---", "HhhU"],
  ["a success between failures starts the count again", "+--+--+", "Hhhhhhh"],
  ["`rise` successes in a row make it healthy again", "-++", "UuH"],
  ["a failure between successes starts the count again", "-+-+-+", "Uuuuuu"],
  ["it can go on for ever", "+---++---++", "HhhUuHhhUuH"],
];

test.each(CASES)("%s", (_name, results, health) => {
  expect(walk(results)).toBe(health);
});

test("connection failures while forwarding count like failed checks", () => {
  const healthy: HealthState = { health: "healthy", streak: 0 };
  expect(observe(healthy, false, THRESHOLDS, 1).flipped).toBe(false);
  expect(observe(healthy, false, THRESHOLDS, 2)).toEqual({ state: eject(), flipped: true });
  expect(observe(healthy, true, THRESHOLDS, 2).flipped).toBe(false);
});

test("an ejected backend comes back by `rise` successes", () => {
  expect(walk("++", eject())).toBe("uH");
});

test("property: no flip with fewer results against the present health than the threshold", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (results) => {
      let state = UNKNOWN;
      let streak = 0;
      for (const ok of results) {
        const before = state.health;
        const observed = observe(state, ok, THRESHOLDS);
        state = observed.state;
        if (before === "unknown") continue;
        const against = ok !== (before === "healthy");
        streak = against ? streak + 1 : 0;
        expect(observed.flipped).toBe(streak === (before === "healthy" ? 3 : 2));
        if (observed.flipped) streak = 0;
      }
    }),
  );
});
