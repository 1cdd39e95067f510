// Counts are exact, and rates are what their definition says, whatever the clock of the walk.

import { describe, expect, test } from "bun:test";
import { Tally, decay, MINUTE, TEN_MINUTES } from "../../../src/control/usage/tally.ts";
import { SECOND, testUsage } from "../../support/usage.ts";

describe("counts", () => {
  test("every request since the client was added, between the looks as well", () => {
    const usage = testUsage();
    const slot = usage.add("a", 5);
    usage.requests(slot, 8);
    expect(usage.meter.read(slot, usage.time.now)).toMatchObject({ admitted: 5, rejected: 3 });
    usage.pass(2, () => usage.requests(slot, 1));
    expect(usage.meter.read(slot, usage.time.now)).toMatchObject({ admitted: 6, rejected: 4 });
    expect(usage.meter.total(slot, "rejected")).toBe(4);
  });

  test("a counter that wraps goes on from 2^32", () => {
    const tally = new Tally(1);
    const still = decay(1, MINUTE);
    const counted = [4_000_000_000, 4_294_967_290, 4, 4_294_967_295, 1];
    const totals = counted.map((count) => {
      const total = tally.total(0, count);
      tally.update(0, count, still, still);
      return [total, tally.total(0, count)];
    });
    const wrap = 2 ** 32;
    const expected = [...counted.slice(0, 2), wrap + 4, 2 * wrap - 1, 2 * wrap + 1];
    expect(totals).toEqual(expected.map((total) => [total, total]));
  });

  test("start again with a new client in the same slot", () => {
    const usage = testUsage();
    const slot = usage.add("a");
    usage.pass(3, () => usage.requests(slot, 10));
    usage.table.remove(slot, usage.time.now);
    usage.pass(70);
    expect(usage.add("b")).toBe(slot);
    expect(usage.meter.read(slot, usage.time.now)).toMatchObject({
      admitted: 0,
      since: usage.time.now,
      lastSeen: -1,
      minute: { admitted_per_sec: 0, rejected_per_sec: 0 },
    });
  });
});

describe("rates", () => {
  test("of steady traffic are its rate, from the second second on", () => {
    const usage = testUsage();
    const slot = usage.add("a");
    for (const seconds of [2, 8, 110, 900]) {
      usage.pass(seconds, () => usage.requests(slot, 7));
      const { minute, tenMinutes } = usage.meter.read(slot, usage.time.now);
      expect(minute.admitted_per_sec).toBeCloseTo(7, 3);
      expect(tenMinutes.admitted_per_sec).toBeCloseTo(7, 3);
      expect(minute.rejected_per_sec).toBe(0);
    }
  });

  test("fall by e in their time once the traffic ends, and are zero in the end", () => {
    const usage = testUsage();
    const slot = usage.add("a");
    usage.pass(3600, () => usage.requests(slot, 10));
    usage.pass(60);
    const minuteLater = usage.meter.read(slot, usage.time.now);
    expect(minuteLater.minute.admitted_per_sec).toBeCloseTo(10 / Math.E, 2);
    expect(minuteLater.tenMinutes.admitted_per_sec).toBeCloseTo(10 * Math.exp(-0.1), 1);
    usage.pass(12_000);
    expect(usage.meter.read(slot, usage.time.now).tenMinutes.admitted_per_sec).toBe(0);
  });

  test("a burst after an idle hour counts as of now, not spread over the hour", () => {
    const usage = testUsage();
    const slot = usage.add("a");
    usage.pass(3600);
    usage.requests(slot, 600);
    expect(usage.meter.read(slot, usage.time.now).minute.admitted_per_sec).toBeCloseTo(10, 1);
    usage.pass(1);
    expect(usage.meter.read(slot, usage.time.now).minute.admitted_per_sec).toBeCloseTo(10, 0);
  });

  test("are right although a large table is walked over in turns", () => {
    const usage = testUsage(400_000);
    for (let i = 0; i < 300_000; i++) usage.add(`client-${i}`);
    const slots = [0, 140_000, 299_999];
    usage.pass(300, () => {
      for (const slot of slots) usage.requests(slot, 20);
    });
    for (const slot of slots) {
      const { minute } = usage.meter.read(slot, usage.time.now);
      expect(minute.admitted_per_sec).toBeCloseTo(20, 1);
    }
  });

  test("reading changes nothing", () => {
    const usage = testUsage();
    const slot = usage.add("a");
    usage.pass(10, () => usage.requests(slot, 3));
    usage.time.now += SECOND / 2;
    const first = usage.meter.read(slot, usage.time.now);
    expect(usage.meter.read(slot, usage.time.now)).toEqual(first);
  });
});

test("a decay without time keeps all", () => {
  expect(decay(0, TEN_MINUTES)).toEqual({ kept: 1, each: 1 / 600 });
});
