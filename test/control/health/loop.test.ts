// The loop against real backends that fail in the ways backends fail.

import { afterEach, describe, expect, test } from "bun:test";
import { HealthLoop } from "../../../src/control/health/loop.ts";
import { BackendTable } from "../../../src/shared/backend-table.ts";
import { startCheckedBackend } from "../../support/checked-backend.ts";
import { type LogLine, recordedLog } from "../../support/recorded-log.ts";
import { pickFrom } from "../../support/picks.ts";

const SETTINGS = {
  path: "/ping?deep=1",
  intervalMs: 5,
  timeoutMs: 1000,
  rise: 2,
  fall: 3,
  statusFrom: 200,
  statusTo: 399,
};
const EJECTION = { baseMs: 10_000, slowStartMs: 0 };
const NEVER = new Promise<never>(() => {});
const HEALTHY = { message: "backend is healthy" };
const UNHEALTHY = { message: "backend is unhealthy" };

let loop: HealthLoop | undefined;
afterEach(() => loop?.stop());

function watch(urls: readonly string[], settings = SETTINGS, onLine?: (line: LogLine) => void) {
  const memory = BackendTable.reserve({ workers: 1, fall: settings.fall });
  const table = new BackendTable(memory);
  const worker = new BackendTable(memory, 0);
  const log = recordedLog(onLine);
  table.setBackends(urls.map((url) => ({ url, weight: 1 })));
  const started = new HealthLoop({ table, settings, ejection: EJECTION, log: log.logger });
  loop = started;
  started.sync();
  return { loop: started, table, worker, log };
}

describe("the first round", () => {
  test("ends with a result for every backend: healthy after one success, unhealthy after one failure", async () => {
    await using good = startCheckedBackend();
    await using redirecting = startCheckedBackend(() => 302);
    await using broken = startCheckedBackend(() => 500);
    await using hanging = startCheckedBackend(() => NEVER);
    const gone = startCheckedBackend();
    await gone.stop();
    const urls = [good, redirecting, broken, hanging, gone].map((backend) => backend.url);
    const settings = { ...SETTINGS, intervalMs: 60_000, timeoutMs: 100 };
    const { loop, table, log } = watch(urls, settings);
    await loop.firstRound();
    expect(table.snapshot().map((view) => [view.healthy, view.lastCheck!.detail])).toEqual([
      [true, "status 200"],
      [true, "status 302"],
      [false, "status 500"],
      [false, "no answer within 100 ms"],
      [false, "connection refused"],
    ]);
    expect(log.lines).toHaveLength(5);
    expect(await log.line({ url: broken.url })).toMatchObject({
      ...UNHEALTHY,
      level: "warn",
      component: "load_balancer",
      reason: "status 500",
      failures: 1,
      backends: 5,
    });
  });

  test("the first that is healthy is told before the others have answered", async () => {
    await using hanging = startCheckedBackend(() => NEVER);
    await using broken = startCheckedBackend(() => 500);
    const slow = Promise.withResolvers<number>();
    await using good = startCheckedBackend(() => slow.promise);
    const urls = [hanging.url, broken.url, good.url];
    const { loop, table } = watch(urls, { ...SETTINGS, timeoutMs: 60_000 });
    let told = false;
    const first = loop.firstHealthy().then(() => (told = true));
    await broken.more(1);
    await good.more(1);
    expect(told).toBe(false);
    slow.resolve(200);
    await first;
    expect(table.openCount()).toBe(1);
  });

  test("no backend: it ends at once", async () => {
    await watch([]).loop.firstHealthy();
    await watch([]).loop.firstRound();
  });

  test("a stop ends it", async () => {
    await using hanging = startCheckedBackend(() => NEVER);
    const { loop } = watch([hanging.url], { ...SETTINGS, timeoutMs: 60_000 });
    const round = loop.firstRound();
    loop.stop();
    await round;
  });
});

describe("from then on", () => {
  test("thresholds decide, and only flips are logged", async () => {
    //              1234567890123
    const script = "+--+---+-++++";
    const flips: [check: number, message: unknown][] = [];
    await using backend = startCheckedBackend((n) => (script[n - 1] === "-" ? 503 : 200));
    watch([backend.url], SETTINGS, (line) => flips.push([backend.checks, line["message"]]));
    await backend.more(script.length + 1);
    expect(flips).toEqual([
      [1, "backend is healthy"],
      [7, "backend is unhealthy"],
      [11, "backend is healthy"],
    ]);
  });

  test("a backend that stops is left out, and comes back when it is restarted", async () => {
    await using one = startCheckedBackend();
    await using two = startCheckedBackend();
    const { loop, worker, log } = watch([one.url, two.url]);
    await loop.firstRound();
    await one.stop();
    expect(await log.line(UNHEALTHY)).toMatchObject({
      url: one.url,
      reason: "connection refused",
      failures: 3,
      healthy: 1,
      backends: 2,
    });
    expect([pickFrom(worker), pickFrom(worker)]).toEqual([1, 1]);
    one.restart();
    const back = await log.line({ ...HEALTHY, successes: 2 });
    expect(back).toMatchObject({ url: one.url, level: "info", healthy: 2 });
    expect([pickFrom(worker), pickFrom(worker)].toSorted((a, b) => a - b)).toEqual([0, 1]);
  });

  test("one that hangs delays no other, and is never asked twice at once", async () => {
    await using hanging = startCheckedBackend((n) => (n === 1 ? 200 : NEVER));
    await using good = startCheckedBackend();
    const { log } = watch([hanging.url, good.url], { ...SETTINGS, timeoutMs: 150 });
    await hanging.more(2);
    const before = good.checks;
    await hanging.more(1);
    expect(good.checks - before).toBeGreaterThan(5);
    expect(await log.line(UNHEALTHY)).toMatchObject({ reason: "no answer within 150 ms" });
    expect(hanging.mostAtOnce).toBe(1);
  });

  test("a flapping backend that never fails `fall` times in a row is not logged", async () => {
    await using flapping = startCheckedBackend((n) => (n % 3 === 1 ? 200 : 500));
    const { log, table } = watch([flapping.url]);
    await flapping.more(30);
    expect(log.lines).toHaveLength(1);
    expect(table.snapshot()).toMatchObject([{ healthy: true, flips: 1 }]);
  });
});

describe("connection failures while forwarding", () => {
  test("eject at once, are logged once, and good checks bring the backend back", async () => {
    let held = Promise.withResolvers<number>();
    held.resolve(200);
    await using backend = startCheckedBackend(() => held.promise);
    const { loop, worker, log } = watch([backend.url]);
    await loop.firstRound();
    held = Promise.withResolvers();
    await backend.more(1);
    const told = [1, 2, 3, 4].filter(() => worker.failed(0, "unconnected"));
    expect(told).toHaveLength(1);
    loop.backendFailed(0);
    loop.backendFailed(0);
    expect(log.lines.slice(1)).toMatchObject([
      { ...UNHEALTHY, reason: "connections failed while forwarding", failures: 4, healthy: 0 },
    ]);
    expect(pickFrom(worker)).toBe(-1);
    held.resolve(200);
    expect(await log.line({ ...HEALTHY, successes: 2 })).toMatchObject({ healthy: 1 });
    expect(pickFrom(worker)).toBe(0);
  });

  test("are noticed by the next check when the worker died before it could tell", async () => {
    let held = Promise.withResolvers<number>();
    held.resolve(200);
    await using backend = startCheckedBackend(() => held.promise);
    const { loop, worker, log } = watch([backend.url]);
    await loop.firstRound();
    held = Promise.withResolvers();
    await backend.more(1);
    for (let i = 0; i < 3; i++) worker.failed(0, "unconnected");
    held.resolve(200);
    await log.line(UNHEALTHY);
    await log.line({ ...HEALTHY, successes: 2 });
  });

  test("a late message about a backend that is healthy again changes nothing", async () => {
    await using backend = startCheckedBackend();
    const { loop, table, log } = watch([backend.url]);
    await loop.firstRound();
    loop.backendFailed(0);
    loop.backendFailed(7);
    expect(table.isHealthy(0)).toBe(true);
    expect(log.lines).toHaveLength(1);
  });
});

describe("changes while running", () => {
  test("a new backend is checked, a removed one is not any more", async () => {
    await using first = startCheckedBackend();
    await using second = startCheckedBackend();
    const { loop, table } = watch([first.url]);
    await loop.firstRound();
    table.setBackends([{ url: second.url, weight: 1 }]);
    loop.sync();
    await loop.firstRound();
    expect(table.snapshot()).toMatchObject([{ url: second.url, healthy: true }]);
    const before = first.checks;
    await second.more(10);
    expect(first.checks - before).toBeLessThanOrEqual(1);
  });

  test("a sync that changes nothing starts nothing", async () => {
    await using asked = startCheckedBackend(() => NEVER);
    await using other = startCheckedBackend();
    const { loop } = watch([asked.url, other.url], { ...SETTINGS, timeoutMs: 60_000 });
    loop.sync();
    loop.sync();
    await other.more(20);
    expect(asked.checks).toBe(1);
  });

  test("a check that a stop cut short counts for nothing", async () => {
    await using hanging = startCheckedBackend((n) => (n === 1 ? 200 : NEVER));
    await using other = startCheckedBackend();
    const { loop, table } = watch([hanging.url], { ...SETTINGS, timeoutMs: 60_000 });
    await hanging.more(2);
    loop.stop();
    watch([other.url]);
    await other.more(5);
    expect(table.snapshot()).toMatchObject([{ healthy: true, lastCheck: { ok: true } }]);
  });

  test("after a stop nothing is asked or logged", async () => {
    await using stopped = startCheckedBackend();
    await using other = startCheckedBackend();
    const { loop, log } = watch([stopped.url]);
    await loop.firstRound();
    loop.stop();
    await stopped.stop();
    watch([other.url]);
    await other.more(20);
    expect(log.lines).toHaveLength(1);
  });
});
