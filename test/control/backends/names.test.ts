// Where names lead is decided by the test; the table and what follows from it are real.

import { afterEach, describe, expect, test } from "bun:test";
import { NameWatch } from "../../../src/control/backends/names.ts";
import { BackendTable } from "../../../src/shared/backend-table.ts";
import { eventually } from "../../support/database.ts";
import { recordedLog } from "../../support/recorded-log.ts";
import { pickFrom } from "../../support/picks.ts";

let names: NameWatch | undefined;
afterEach(() => names?.stop());

function watch(leads: Record<string, readonly string[] | null>, allowLinkLocal = false) {
  const memory = BackendTable.reserve({ workers: 1, fall: 3 });
  const table = new BackendTable(memory);
  const log = recordedLog();
  table.setBackends(Object.keys(leads).map((host) => ({ url: `http://${host}:80`, weight: 1 })));
  for (const { slot } of table.snapshot()) table.setHealthy(slot, true, 1);
  const asked: string[] = [];
  names = new NameWatch({
    table,
    allowLinkLocal,
    log: log.logger,
    onJudged: () => undefined,
    cacheMs: 30,
    resolve: (host) => {
      asked.push(host);
      const addresses = leads[host];
      return addresses ? Promise.resolve(addresses) : Promise.reject(new Error("ENOTFOUND"));
    },
  });
  return { table, names, log, asked, worker: new BackendTable(memory, 0) };
}

describe("a name that moves", () => {
  test("renews the connections, and again when Bun has forgotten the old address", async () => {
    const leads = { "a.test": ["10.0.0.1", "10.0.0.2"], "10.9.9.9": ["10.9.9.9"] };
    const { names, worker, log, asked } = watch(leads);
    await names.look();
    await names.look();
    expect(asked).toEqual(["a.test", "a.test"]);
    expect(worker.epoch(0)).toBe(0);
    leads["a.test"] = ["10.0.0.3"];
    await names.look();
    expect(worker.epoch(0)).toBe(1);
    await eventually(() => worker.epoch(0) === 2);
    expect(await log.line({ message: "backend has moved" })).toMatchObject({
      level: "info",
      addresses: "10.0.0.3",
    });
  });

  test("one more address alone renews nothing; one less does, without a word", async () => {
    const leads = { "a.test": ["10.0.0.1"] };
    const { names, worker, log } = watch(leads);
    await names.look();
    leads["a.test"] = ["10.0.0.1", "10.0.0.2"];
    await names.look();
    expect(worker.epoch(0)).toBe(0);
    leads["a.test"] = ["10.0.0.2"];
    await names.look();
    expect(worker.epoch(0)).toBe(1);
    expect(log.lines.filter((line) => line["level"] !== "debug")).toEqual([]);
  });

  test("a name server that fails changes nothing", async () => {
    const leads: Record<string, readonly string[] | null> = { "a.test": ["10.0.0.1"] };
    const { names, worker, table } = watch(leads);
    await names.look();
    leads["a.test"] = null;
    await names.look();
    leads["a.test"] = ["10.0.0.1"];
    await names.look();
    expect([worker.epoch(0), table.isOpen(0)]).toEqual([0, true]);
  });
});

describe("a name that leads to a metadata address", () => {
  test("gets no requests until it leads elsewhere; the log says so once", async () => {
    const leads = { "a.test": ["10.0.0.1", "169.254.169.254"], "b.test": ["10.0.0.2"] };
    const { names, worker, table, log } = watch(leads);
    await names.look();
    await names.look();
    expect([pickFrom(worker), pickFrom(worker)]).toEqual([1, 1]);
    expect(table.snapshot()[0]).toMatchObject({ forbidden: true, open: false });
    expect(log.lines.filter((line) => line["level"] === "error")).toHaveLength(1);
    leads["a.test"] = ["10.0.0.1"];
    await names.look();
    expect(table.isOpen(0)).toBe(true);
  });

  test("is refused when it is added, and accepted where that is allowed", async () => {
    const leads = { "a.test": ["fe80::1%eth0"], "b.test": ["10.0.0.1"], "c.test": null };
    const { names } = watch(leads);
    const urls = ["http://a.test", "http://b.test", "http://c.test", "http://[fd00:ec2::254]"];
    const forbidden = await Promise.all(urls.map((url) => names.forbids(url)));
    expect(forbidden).toEqual([true, false, false, true]);
    const lax = watch(leads, true);
    await lax.names.look();
    expect(await lax.names.forbids("http://a.test")).toBe(false);
    expect(lax.table.isOpen(0)).toBe(true);
  });
});

test("the system's resolver knows localhost", async () => {
  const table = new BackendTable(BackendTable.reserve({ workers: 1, fall: 3 }));
  table.setBackends([{ url: "http://localhost:1", weight: 1 }]);
  table.setHealthy(0, true, 1);
  const log = recordedLog().logger;
  names = new NameWatch({ table, allowLinkLocal: false, log, onJudged: () => undefined });
  await names.look();
  expect(table.isOpen(0)).toBe(true);
  expect(await names.forbids("http://localhost:1")).toBe(false);
});
