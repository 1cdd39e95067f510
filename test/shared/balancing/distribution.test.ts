// How each way of choosing spreads requests, alone on one thread over a real table.

import { describe, expect, test } from "bun:test";
import { BackendTable, NONE_OPEN, SATURATED } from "../../../src/shared/backend-table.ts";
import {
  type BalancerName,
  BALANCERS,
  keyOf,
  type PickView,
} from "../../../src/shared/balancing/balancer.ts";
import { RandomTwoChoices } from "../../../src/shared/balancing/random-two-choices.ts";
import { pickFrom } from "../../support/picks.ts";

function setUp(balancer: BalancerName, weights: readonly number[], maxInFlight?: number) {
  const memory = BackendTable.reserve({ workers: 2, fall: 3, balancer });
  const main = new BackendTable(memory);
  const list = weights.map((weight, i) => ({
    url: `http://10.0.0.${i + 1}:80`,
    weight,
    maxInFlight: maxInFlight ?? null,
  }));
  main.setBackends(list);
  for (const { slot } of main.snapshot()) main.setHealthy(slot, true, 1);
  return { main, list, one: new BackendTable(memory, 0), other: new BackendTable(memory, 1) };
}

function tally(slots: readonly number[], backends: number): number[] {
  const counts = new Array<number>(backends).fill(0);
  for (const slot of slots) counts[slot]!++;
  return counts;
}

const KEYS = Array.from({ length: 20_000 }, (_, i) => keyOf(`client${i}`));

describe.each([...BALANCERS])("%s", (balancer) => {
  test("picks neither what is down nor what was tried", () => {
    const { main, one } = setUp(balancer, [1, 1, 1]);
    main.setHealthy(1, false, 1);
    const picked = KEYS.slice(0, 300).map((key) => pickFrom(one, key, [0]));
    expect(new Set(picked)).toEqual(new Set([2]));
    expect(pickFrom(one, 1, [0, 2])).toBe(NONE_OPEN);
  });

  test("passes a full backend over; with all full it says so, and a place given back is used", () => {
    const { one, other } = setUp(balancer, [1, 1], 2);
    const taken = [one, other, one, other].map((table) => table.acquire(7));
    expect(tally(taken, 2)).toEqual([2, 2]);
    expect([one.acquire(7), other.acquire(7)]).toEqual([SATURATED, SATURATED]);
    other.end(1);
    expect(one.acquire(7)).toBe(1);
  });

  test("a backend that appears is used, one that drains or is ejected is not", () => {
    const { main, list, one } = setUp(balancer, [1]);
    const used = () => new Set(KEYS.slice(0, 300).map((key) => pickFrom(one, key)));
    expect(used()).toEqual(new Set([0]));
    const more = ["http://10.9.9.1:80", "http://10.9.9.2:80"].map((url) => ({ url, weight: 1 }));
    main.setBackends([...list, ...more]);
    for (const slot of [1, 2]) main.setHealthy(slot, true, 1);
    expect(used()).toEqual(new Set([0, 1, 2]));
    main.setBackends([{ ...list[0]!, draining: true }, ...more]);
    expect(used()).toEqual(new Set([1, 2]));
    main.eject(1, 5);
    expect(used()).toEqual(new Set([2]));
    main.readmit(1);
    main.setBackends([...list, ...more]);
    expect(used()).toEqual(new Set([0, 1, 2]));
  });
});

describe.each(["round_robin", "random_two_choices"] as const)("%s", (balancer) => {
  test.each([10, 100, 3000])(
    "beside a full backend of weight %d the others share by weight",
    (n) => {
      const { main, list, one } = setUp(balancer, [n, 1, 2, 1]);
      main.setBackends([{ ...list[0]!, maxInFlight: 1 }, ...list.slice(1)]);
      one.begin(0);
      const picked = Array.from({ length: 4000 }, () => pickFrom(one));
      const [full, ...shares] = tally(picked, 4);
      expect(full).toBe(0);
      for (const [i, share] of [1000, 2000, 1000].entries()) {
        expect(shares[i]!).toBeWithin(share - 250, share + 250);
      }
    },
  );
});

describe("least_connections", () => {
  test("the fewest in flight over all threads, relative to the weight", () => {
    const { one, other } = setUp("least_connections", [1, 2, 1]);
    for (let i = 0; i < 400; i++) (i % 2 === 0 ? one : other).acquire();
    expect(one.snapshot().map((view) => view.inFlight)).toEqual([100, 200, 100]);
    for (let i = 0; i < 50; i++) one.end(2);
    const next = Array.from({ length: 50 }, () => other.acquire());
    expect(new Set(next)).toEqual(new Set([2]));
  });

  test("with nothing in flight it goes round by weight", () => {
    const { one } = setUp("least_connections", [1, 2, 1]);
    const picked = Array.from({ length: 400 }, () => pickFrom(one));
    expect(tally(picked, 3)).toEqual([100, 200, 100]);
  });
});

describe("random_two_choices", () => {
  test("shares by weight, and evens out what is in flight far better than chance", () => {
    const { one } = setUp("random_two_choices", [1, 1, 2]);
    for (let i = 0; i < 4000; i++) one.acquire();
    const [a, b, c] = one.snapshot().map((view) => view.inFlight) as [number, number, number];
    // By chance alone the deviation would be some 30; two choices keep it within a few.
    expect(Math.abs(a - 1000)).toBeLessThan(15);
    expect(Math.abs(b - 1000)).toBeLessThan(15);
    expect(Math.abs(c - 2000)).toBeLessThan(15);
  });

  test("of the two it draws, the one with less in flight for its weight", () => {
    const loads = [5, 9, 3];
    const view: PickView = {
      slots: [0, 1, 2],
      weights: [1, 3, 1],
      hashes: [],
      mayTake: () => true,
      inFlight: (slot) => loads[slot]!,
      draw: () => -1,
    };
    const draws = [0.1, 0.5, 0.95, 0.5];
    const balancer = new RandomTwoChoices(() => draws.shift()!);
    expect(balancer.pick(view)).toBe(1);
    loads[2] = 2;
    expect(balancer.pick(view)).toBe(2);
  });
});

describe("consistent_hash", () => {
  const owners = (table: BackendTable) => KEYS.map((key) => pickFrom(table, key));

  test("a key has one backend, in every thread and whatever slot the backend has", () => {
    const { one, other } = setUp("consistent_hash", [1, 1, 1]);
    expect(owners(other)).toEqual(owners(one));
    const turned = setUp("consistent_hash", []);
    const urls = one.snapshot().map((view) => view.url);
    turned.main.setBackends(urls.toReversed().map((url) => ({ url, weight: 1 })));
    for (const slot of [0, 1, 2]) turned.main.setHealthy(slot, true, 1);
    expect(owners(turned.one).map((slot) => 2 - slot)).toEqual(owners(one));
  });

  test("shares follow the weights", () => {
    const { one } = setUp("consistent_hash", [1, 2, 5]);
    const shares = tally(owners(one), 3).map((count) => (count / KEYS.length) * 8);
    expect(shares[0]).toBeWithin(0.93, 1.07);
    expect(shares[1]).toBeWithin(1.9, 2.1);
    expect(shares[2]).toBeWithin(4.85, 5.15);
  });

  test("when a backend leaves only its keys move, to all others; they come back with it", () => {
    const { main, one } = setUp("consistent_hash", [1, 1, 1, 1]);
    const before = owners(one);
    main.setHealthy(2, false, 1);
    const without = owners(one);
    const moved = before.flatMap((slot, i) => (slot === without[i] ? [] : [[slot, without[i]!]]));
    expect(new Set(moved.map(([from]) => from))).toEqual(new Set([2]));
    const heirs = tally(
      moved.map(([, to]) => to!),
      4,
    );
    for (const slot of [0, 1, 3]) expect(heirs[slot]! / moved.length).toBeWithin(0.3, 0.37);
    main.setHealthy(2, true, 1);
    expect(owners(one)).toEqual(before);
  });
});
