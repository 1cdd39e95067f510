import { describe, expect, test } from "bun:test";
import { quantile } from "../../../src/control/dashboard/quantile.ts";
import { Sampler } from "../../../src/control/dashboard/sampler.ts";
import { HistoryTable } from "../../../src/shared/history-table.ts";
import { counter, DURATION_BOUNDS, MetricsTable } from "../../../src/shared/metrics-table.ts";

const SECOND = 1e9;

function start() {
  const memory = MetricsTable.reserve({ workers: 2 });
  const history = new HistoryTable(HistoryTable.reserve());
  const sampler = new Sampler({ metrics: new MetricsTable(memory), history });
  const workers = [0, 1].map((row) => new MetricsTable(memory, row));
  return { history, sampler, workers };
}

test("a sample tells what happened since the one before, per second and over all workers", () => {
  const { history, sampler, workers } = start();
  workers[0]!.add(counter("requests_admitted"), 1000);
  sampler.sample(0, 10_000);
  expect(history.written).toBe(0);
  workers[0]!.add(counter("requests_admitted"), 30);
  workers[1]!.add(counter("requests_admitted"), 10);
  workers[1]!.add(counter("requests_limited"), 6);
  workers[0]!.add(counter("requests_bad"), 1);
  workers[1]!.add(counter("requests_rejected"), 3);
  workers[0]!.response("backend", 500);
  workers[1]!.response("gateway", 503);
  workers[1]!.response("backend", 404);
  workers[1]!.began();
  // Late by a second: twice the time, so half the rate.
  sampler.sample(2 * SECOND, 12_000);
  expect(history.since(0)).toEqual([
    {
      at: 12,
      admitted: 20,
      limited: 3,
      refused: 2,
      failed: 1,
      p50: Number.NaN,
      p99: Number.NaN,
      inFlight: 1,
    },
  ]);
});

test("latency is that of the last second alone", () => {
  const { history, sampler, workers } = start();
  for (let count = 0; count < 1000; count++) workers[0]!.observe("upstream", 4);
  sampler.sample(0, 0);
  for (let count = 0; count < 98; count++) workers[1]!.observe("upstream", 0.002);
  for (let count = 0; count < 2; count++) workers[0]!.observe("upstream", 0.2);
  sampler.sample(SECOND, 1000);
  const [sample] = history.since(0);
  expect(sample!.p50).toBeWithin(1, 2.5);
  expect(sample!.p99).toBeWithin(100, 250);
});

describe("quantile", () => {
  const counts = (entries: Record<number, number>): number[] =>
    Array.from({ length: DURATION_BOUNDS.length + 1 }, (_, bucket) => entries[bucket] ?? 0);

  test.each([
    ["nothing counted", {}, 0.5, Number.NaN],
    ["the middle of a bucket", { 3: 10 }, 0.5, 0.000_75],
    ["the end of a bucket", { 3: 10 }, 1, 0.001],
    ["the first bucket begins at 0", { 0: 4 }, 0.5, 0.000_05],
    ["empty buckets between are passed over", { 0: 50, 17: 50 }, 0.75, 45],
    ["a bound between two buckets", { 2: 50, 3: 50 }, 0.5, 0.000_5],
    ["above every bound", { 18: 5 }, 0.5, 60],
  ] as const)("%s", (_, entries, q, expected) => {
    const found = quantile(counts(entries), q);
    if (Number.isNaN(expected)) expect(found).toBeNaN();
    else expect(found).toBeCloseTo(expected, 9);
  });
});
