import { expect, test } from "bun:test";
import { COUNTERS, DECISIONS, METHOD_CLASSES, METHODS } from "../../src/shared/metric-columns.ts";
import {
  answersTo,
  counter,
  DURATION_BOUNDS,
  MetricsTable,
} from "../../src/shared/metrics-table.ts";

function setUp() {
  const memory = MetricsTable.reserve({ workers: 2 });
  return {
    main: new MetricsTable(memory),
    first: new MetricsTable(memory, 0),
    second: new MetricsTable(memory, 1),
  };
}

test("every counter has a column of its own, summed over all threads", () => {
  const { main, first, second } = setUp();
  for (const [i, name] of COUNTERS.entries()) {
    first.add(counter(name), i);
    second.add(counter(name), 1000);
    main.add(counter(name));
  }
  for (const [i, name] of COUNTERS.entries()) expect(second.total(name)).toBe(i + 1001);
  expect(main.inFlight()).toBe(0);
  expect(main.histogram("request").sum).toBe(0);
});

test("answers are counted by who made them and by class", () => {
  const { main, first } = setUp();
  for (const status of [101, 200, 204, 304, 404, 499, 500, 599, 799]) {
    first.response("backend", status);
  }
  for (const status of [429, 503, 429]) first.response("gateway", status);
  const classes = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;
  expect(classes.map((name) => main.total(`responses_backend_${name}`))).toEqual([1, 2, 1, 2, 3]);
  expect(classes.map((name) => main.total(`responses_gateway_${name}`))).toEqual([0, 0, 0, 2, 1]);
});

test("a duration falls into the first bucket whose bound it does not exceed", () => {
  const { main, first, second } = setUp();
  first.observe("request", 0.001);
  second.observe("request", 0.0011);
  first.observe("request", 1000);
  const { buckets, sum } = main.histogram("request");
  const at = DURATION_BOUNDS.indexOf(0.001);
  expect([buckets[at], buckets[at + 1], buckets.at(-1)]).toEqual([1, 1, 1]);
  expect(buckets.reduce((a, b) => a + b)).toBe(3);
  expect(sum).toBeCloseTo(1000.0021, 9);
  expect(main.histogram("upstream").sum).toBe(0);
});

test("a dead worker's requests in flight are forgotten, its counts are not", () => {
  const { main, first, second } = setUp();
  for (const table of [first, first, second]) table.began();
  second.add(counter("requests_admitted"), 7);
  first.ended();
  expect(main.inFlight()).toBe(2);
  main.clearWorker(1);
  expect(main.inFlight()).toBe(1);
  expect(main.total("requests_admitted")).toBe(7);
});

test("gauges are set by the main thread and read by all", () => {
  const { main, second } = setUp();
  main.set("flush_pending", 12);
  main.set("flush_last_success_at", 1.5e9);
  expect([second.gauge("flush_pending"), second.gauge("flush_last_success_at")]).toEqual([
    12, 1.5e9,
  ]);
});

test("answers are counted by decision, method and status, each in a cell of its own", () => {
  const { main, first, second } = setUp();
  const methods = [...METHODS, "PROPFIND"];
  for (const [d, decision] of DECISIONS.entries()) {
    for (const [m, method] of methods.entries()) {
      for (let s = 0; s < 5; s++) {
        for (let i = 0; i <= d * 100 + m * 10 + s; i++) {
          (i % 2 === 0 ? first : second).answer(answersTo(decision), method, (s + 1) * 100 + 3);
        }
      }
    }
  }
  for (let d = 0; d < DECISIONS.length; d++) {
    for (let m = 0; m < METHOD_CLASSES.length; m++) {
      for (let s = 0; s < 5; s++) expect(main.answers(d, m, s)).toBe(d * 100 + m * 10 + s + 1);
    }
  }
  expect([main.inFlight(), main.histogram("own").sum]).toEqual([0, 0]);
});

test("each histogram has its own bounds and sum", () => {
  const { main, first } = setUp();
  first.observe("own", 0.000_004);
  first.observe("own", 2);
  first.observe("upstream", 0.5);
  const own = main.histogram("own");
  expect([own.bounds[0], own.buckets[0], own.buckets.at(-1), own.sum]).toEqual([
    0.000_005, 1, 1, 2.000_004,
  ]);
  expect(own.buckets).toHaveLength(own.bounds.length + 1);
  expect([main.histogram("upstream").sum, main.histogram("request").sum]).toEqual([0.5, 0]);
  expect([main.inFlight(), main.answers(0, 0, 0)]).toEqual([0, 0]);
});
