// Ejection for failures that workers count, the trial before the return, and the slow start: the
// loop over a real table and real backends that pass every check.

import { afterEach, expect, test } from "bun:test";
import { HealthLoop } from "../../../src/control/health/loop.ts";
import type { EjectionSettings, HealthSettings } from "../../../src/control/health/probe.ts";
import { BackendTable } from "../../../src/shared/backend-table.ts";
import { type CheckedBackend, startCheckedBackend } from "../../support/checked-backend.ts";
import { recordedLog } from "../../support/recorded-log.ts";
import { pickFrom } from "../../support/picks.ts";

const SETTINGS: HealthSettings = {
  path: "/",
  intervalMs: 5,
  timeoutMs: 1000,
  rise: 1,
  fall: 1,
  statusFrom: 200,
  statusTo: 299,
};
const EJECTION: EjectionSettings = { baseMs: 60_000, slowStartMs: 0 };
const AFTER = 4;

let loop: HealthLoop | undefined;
const started: CheckedBackend[] = [];
afterEach(async () => {
  loop?.stop();
  await Promise.all(started.splice(0).map((backend) => backend.stop()));
});

function backend(...args: Parameters<typeof startCheckedBackend>): CheckedBackend {
  const one = startCheckedBackend(...args);
  started.push(one);
  return one;
}

async function watch(
  backends: readonly CheckedBackend[],
  options: Partial<EjectionSettings & HealthSettings> = {},
) {
  const settings = { ...SETTINGS, ...options };
  const memory = BackendTable.reserve({ workers: 1, fall: 100, ejectAfter: AFTER });
  const table = new BackendTable(memory);
  const worker = new BackendTable(memory, 0);
  const log = recordedLog();
  table.setBackends(backends.map(({ url }) => ({ url, weight: 1 })));
  const ejection = { ...EJECTION, ...options };
  const watching = new HealthLoop({ table, settings, ejection, log: log.logger });
  loop = watching;
  watching.sync();
  await watching.firstRound();
  /** As a worker does: tells the loop when the table says so. */
  const fail = (slot: number, times: number, how: 503 | "timeout" | "reset" = "timeout") => {
    for (let i = 0; i < times; i++) {
      const tell = how === 503 ? worker.answered(slot, how) : worker.failed(slot, how);
      if (tell) watching.backendFailed(slot);
    }
  };
  return { table, worker, log, fail };
}

const three = () => Array.from({ length: 3 }, () => backend());
const openSlots = (table: BackendTable) =>
  table.snapshot().flatMap((view) => (view.open ? [view.slot] : []));

test("failures of any kind in a row eject a backend whose checks are fine", async () => {
  const { table, log, fail, worker } = await watch(three());
  fail(1, 1);
  fail(1, 1, 503);
  fail(1, 1, "reset");
  expect(openSlots(table)).toEqual([0, 1, 2]);
  fail(1, 1, 503);
  expect(openSlots(table)).toEqual([0, 2]);
  expect(new Set([pickFrom(worker), pickFrom(worker)])).toEqual(new Set([0, 2]));
  expect(await log.line({ message: "backend is ejected" })).toMatchObject({
    level: "warn",
    for_ms: 60_000,
    times: 1,
  });
  const [, view] = table.snapshot();
  expect(view).toMatchObject({ healthy: true, ejections: 1 });
  expect(view!.ejectedUntilMs! - Date.now()).toBeWithin(50_000, 60_001);
});

test("a good answer between them starts the count again; other statuses are good answers", async () => {
  const { table, worker, fail } = await watch(three());
  for (const status of [200, 404, 500, 501]) {
    fail(1, AFTER - 1, 503);
    worker.answered(1, status);
  }
  expect(openSlots(table)).toEqual([0, 1, 2]);
});

test("at most half are ejected, and never the last one that is open", async () => {
  const backends = [...three(), backend()];
  const { table, fail } = await watch(backends, { intervalMs: 60_000 });
  for (const slot of [0, 1, 2, 3]) fail(slot, 3 * AFTER);
  expect(openSlots(table)).toEqual([2, 3]);
  loop!.stop();
  const alone = await watch([backend()]);
  alone.fail(0, 100);
  expect(openSlots(alone.table)).toEqual([0]);
});

test("it returns after its time, with a check that is fine, and one failure ejects it again", async () => {
  const { table, log, fail, worker } = await watch(three(), { baseMs: 20 });
  fail(1, AFTER);
  await log.line({ message: "backend is on trial" });
  expect(openSlots(table)).toEqual([0, 1, 2]);
  fail(1, 1);
  expect(await log.line({ message: "backend is ejected", times: 2 })).toMatchObject({ for_ms: 40 });
  log.forget();
  await log.line({ message: "backend is on trial" });
  worker.answered(1, 200);
  fail(1, AFTER - 1);
  expect(openSlots(table)).toEqual([0, 1, 2]);
});

test("while its checks fail it does not return, however late it is", async () => {
  let status = 200;
  const sick = backend(() => status);
  const { table, log, fail } = await watch([sick, ...three()], { baseMs: 20, fall: 1000 });
  status = 500;
  await sick.more(2);
  fail(0, AFTER);
  await sick.more(15);
  expect(table.isEjected(0)).toBe(true);
  status = 200;
  await log.line({ message: "backend is on trial" });
  expect(table.isOpen(0)).toBe(true);
});

test("when the others go down, an ejected one is better than none", async () => {
  const [one, other] = [backend(), backend()];
  const { table, log, fail } = await watch([one, other]);
  fail(0, AFTER);
  expect(openSlots(table)).toEqual([1]);
  await other.stop();
  await log.line({ message: "backend is unhealthy" });
  expect(await log.line({ message: "backend is on trial" })).toMatchObject({
    reason: "no other backend is left",
  });
  expect(openSlots(table)).toEqual([0]);
});

test("the same of one that was down itself by then, as soon as its checks are fine", async () => {
  let status = 200;
  const one = backend(() => status);
  const other = backend();
  const { table, log, fail } = await watch([one, other]);
  fail(0, AFTER);
  status = 500;
  await log.line({ message: "backend is unhealthy", url: one.url });
  await other.stop();
  await log.line({ message: "backend is unhealthy", url: other.url });
  expect(openSlots(table)).toEqual([]);
  status = 200;
  expect(await log.line({ message: "backend is on trial", url: one.url })).toMatchObject({
    reason: "no other backend is left",
  });
  expect(openSlots(table)).toEqual([0]);
});

test("a returning backend comes up to its weight step by step; one there from the start does not", async () => {
  let status = 200;
  const sick = backend(() => status);
  const { table, worker, log } = await watch([sick, backend()], { slowStartMs: 200 });
  const share = () => table.snapshot()[0]!.share;
  expect(share()).toBe(100);
  status = 500;
  await log.line({ message: "backend is unhealthy" });
  log.forget();
  status = 200;
  await log.line({ message: "backend is healthy" });
  const seen = [share()];
  const picked = Array.from({ length: 110 }, () => pickFrom(worker));
  while (seen.at(-1)! < 100) {
    await Bun.sleep(2);
    if (share() !== seen.at(-1)) seen.push(share());
  }
  expect(picked.filter((slot) => slot === 0)).toHaveLength(10);
  expect(seen).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
});

test("a backend that flaps does not fill the log", async () => {
  let status = 200;
  const sick = backend(() => (status = status === 200 ? 500 : 200));
  const { log, table } = await watch([sick, backend()]);
  await sick.more(40);
  expect(table.snapshot()[0]!.flips).toBeGreaterThan(30);
  const lines = log.lines.filter((line) => line["url"] === sick.url);
  expect(lines).toHaveLength(7);
  expect(lines.at(-1)!["message"]).toContain("flapping");
});

test("a status outside the accepted range is a failed check", async () => {
  const { table } = await watch([backend(() => 302)], {
    statusFrom: 200,
    statusTo: 299,
  });
  expect(table.snapshot()).toMatchObject([{ healthy: false, lastCheck: { detail: "status 302" } }]);
});
