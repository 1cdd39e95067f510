// Changing backends while they run, on both databases: what is stored, what acts, what survives.

import { afterAll, afterEach, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { Database } from "bun:sqlite";
import { SQL } from "bun";
import { NameWatch, type Resolve } from "../../../src/control/backends/names.ts";
import type { BackendRow } from "../../../src/control/backends/repository.ts";
import { BackendsService } from "../../../src/control/backends/service.ts";
import { openStore } from "../../../src/control/db/store.ts";
import { HealthLoop } from "../../../src/control/health/loop.ts";
import type { BackendConfig, DatabaseConfig } from "../../../src/config.ts";
import { backendId } from "../../../src/shared/backend-id.ts";
import { BackendTable, type BackendView } from "../../../src/shared/backend-table.ts";
import { type CheckedBackend, startCheckedBackend } from "../../support/checked-backend.ts";
import {
  dialects,
  eventually,
  recordingLog,
  removeTemporaryFolders,
  value,
} from "../../support/database.ts";
import { POSTGRES_START_MS, removeSharedCluster } from "../../support/postgres.ts";
import { pickFrom } from "../../support/picks.ts";

afterAll(removeTemporaryFolders);
afterAll(removeSharedCluster);

const HEALTH = {
  path: "/",
  intervalMs: 20,
  timeoutMs: 500,
  rise: 1,
  fall: 1,
  statusFrom: 200,
  statusTo: 299,
};

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

function backend(): CheckedBackend {
  const one = startCheckedBackend();
  open.push(() => one.stop());
  return one;
}

/** The part of a control plane that is about backends, and a worker's view of the table. */
async function plane(
  config: DatabaseConfig,
  seed: readonly BackendConfig[],
  resolve: Resolve = (host) =>
    Promise.resolve([host === "metadata.test" ? "169.254.169.254" : "10.0.0.1"]),
) {
  const { log, lines } = recordingLog();
  const store = await openStore(config, { log });
  const memory = BackendTable.reserve({ workers: 1, fall: 3 });
  const table = new BackendTable(memory);
  const ejection = { baseMs: 10_000, slowStartMs: 0 };
  const health = new HealthLoop({ table, settings: HEALTH, ejection, log });
  const onJudged = (): void => health.rescue();
  const names = new NameWatch({ table, allowLinkLocal: false, log, onJudged, resolve });
  const service = new BackendsService({ store, table, seed, health, names, log });
  await service.start();
  if (store.changes) {
    await store.changes.start({ onChange: () => undefined, onConnected: () => undefined });
  }
  const stop = async () => {
    service.stop();
    names.stop();
    health.stop();
    await store.changes?.stop();
    await store.close();
  };
  open.push(stop);
  const worker = new BackendTable(memory, 0);
  return { service, store, health, names, table, worker, lines, stop };
}

/** A table that is not there: what the gateway asks of the database fails. */
async function rename(config: DatabaseConfig, from: string, to: string): Promise<void> {
  const statement = `ALTER TABLE ${from} RENAME TO ${to}`;
  if (config.kind === "sqlite") {
    using client = new Database(config.path);
    client.run(statement);
  } else {
    await using client = new SQL({ url: config.url, max: 1 });
    await client.unsafe(statement);
  }
}

const urls = (table: BackendTable) => table.snapshot().map((view) => view.url);

describe.each(dialects.map((dialect) => [dialect.kind, dialect] as const))(
  "on %s",
  (_, dialect) => {
    beforeAll(() => dialect.prepare(), POSTGRES_START_MS);
    const on = test.skipIf(dialect.missing !== null);

    on(
      "an added backend is checked and used when the answer is there; it survives a restart",
      async () => {
        const config = await dialect.create();
        const [one, other] = [backend(), backend()];
        const seed = [{ url: one.url, weight: 1 }];
        const first = await plane(config, seed);
        const added = await first.service.add({
          url: `${other.url}/`,
          weight: 2,
          max_in_flight: 7,
        });
        expect(value(added)).toBe(backendId(other.url));
        expect(first.worker.snapshot()[1]).toMatchObject({ weight: 2, maxInFlight: 7, open: true });
        expect(new Set([1, 2, 3].map(() => pickFrom(first.worker)))).toEqual(new Set([0, 1]));
        open.splice(open.indexOf(first.stop), 1);
        await first.stop();
        const second = await plane(config, seed);
        await second.health.firstRound();
        expect(second.worker.snapshot()[1]).toMatchObject({
          url: other.url,
          weight: 2,
          maxInFlight: 7,
        });
      },
    );

    on("weight, limit and draining act at once; what is in flight goes on", async () => {
      const [one, other] = [backend(), backend()];
      const seed = [one, other].map(({ url }) => ({ url, weight: 1 }));
      const { service, worker, health } = await plane(await dialect.create(), seed);
      await health.firstRound();
      const id = backendId(one.url);
      worker.acquire();
      worker.acquire();
      value(await service.change(id, { draining: true }));
      expect(worker.snapshot()[0]).toMatchObject({ draining: true, open: false, inFlight: 1 });
      expect(new Set([1, 2, 3].map(() => pickFrom(worker)))).toEqual(new Set([1]));
      worker.end(0);
      expect(worker.snapshot()[0]!.inFlight).toBe(0);
      value(await service.change(id, { draining: false, weight: 3, max_in_flight: 2 }));
      expect(worker.snapshot()[0]).toMatchObject({ open: true, weight: 3, maxInFlight: 2 });
      value(await service.change(id, { max_in_flight: null }));
      expect(worker.snapshot()[0]).toMatchObject({ weight: 3, maxInFlight: null });
    });

    on(
      "a removed one is gone, also after a restart with the same configuration, until it is added",
      async () => {
        const config = await dialect.create();
        const [one, other] = [backend(), backend()];
        const seed = [{ url: one.url, weight: 1 }];
        const first = await plane(config, seed);
        value(await first.service.add({ url: other.url }));
        for (const { url } of [one, other]) value(await first.service.remove(backendId(url)));
        expect(pickFrom(first.worker)).toBe(-1);
        open.splice(open.indexOf(first.stop), 1);
        await first.stop();
        const second = await plane(config, seed);
        expect(urls(second.worker)).toEqual([]);
        value(await second.service.add({ url: one.url, weight: 5 }));
        expect(second.worker.snapshot()).toMatchObject([{ url: one.url, weight: 5, open: true }]);
      },
    );

    on("what cannot be is refused and changes nothing", async () => {
      const one = backend();
      const { service, worker } = await plane(await dialect.create(), [
        { url: one.url, weight: 1 },
      ]);
      expect(await service.add({ url: one.url })).toEqual({ ok: false, reason: "exists" });
      expect(await service.remove("0123456789ab")).toEqual({ ok: false, reason: "not_found" });
      expect(await service.change("x", { weight: 1 })).toEqual({ ok: false, reason: "not_found" });
      for (const url of [
        "ftp://a",
        "http://user:pw@a",
        "http://a/path",
        "http://169.254.169.254",
        "http://2852039166",
        "http://[fe80::1]:80",
        "http://[::ffff:169.254.169.254]",
        "http://metadata.test",
      ]) {
        expect(await service.add({ url })).toMatchObject({ ok: false, reason: "invalid" });
      }
      expect(urls(worker)).toEqual([one.url]);
    });

    on("twenty changes at once are made one after the other, none is lost", async () => {
      const { service, worker } = await plane(await dialect.create(), []);
      const added = Array.from({ length: 20 }, (_, i) => `http://127.0.0.1:${i + 1}`);
      await Promise.all(added.map((url) => service.add({ url })));
      expect(urls(worker).toSorted()).toEqual(added.toSorted());
    });

    on("no change waits for the first check of another's addition", async () => {
      const one = backend();
      const silent = startCheckedBackend(() => Promise.withResolvers<number>().promise);
      open.push(() => silent.stop());
      const { service } = await plane(await dialect.create(), [{ url: one.url, weight: 1 }]);
      const ended: string[] = [];
      const adding = service.add({ url: silent.url }).then(() => ended.push("added"));
      value(await service.change(backendId(one.url), { weight: 2 }));
      ended.push("changed");
      await adding;
      expect(ended).toEqual(["changed", "added"]);
    });

    on("no change waits for a name that another's addition looks up", async () => {
      const one = backend();
      const looked = Promise.withResolvers<string[]>();
      const seed = [{ url: one.url, weight: 1 }];
      const { service } = await plane(await dialect.create(), seed, () => looked.promise);
      const ended: string[] = [];
      const adding = service.add({ url: "http://slow.test" }).then(() => ended.push("added"));
      value(await service.change(backendId(one.url), { weight: 2 }));
      ended.push("changed");
      looked.resolve(["10.0.0.1"]);
      await adding;
      expect(ended).toEqual(["changed", "added"]);
    });

    on(
      "when the database fails a change fails and changes nothing; later ones are made",
      async () => {
        const one = backend();
        const config = await dialect.create();
        const { service, worker } = await plane(config, [{ url: one.url, weight: 1 }]);
        const id = backendId(one.url);
        await rename(config, "backends", "elsewhere");
        expect(await service.change(id, { weight: 9 })).toMatchObject({
          reason: "unavailable",
          detail: expect.stringContaining("nothing was changed"),
        });
        expect(worker.snapshot()[0]!.weight).toBe(1);
        await rename(config, "elsewhere", "backends");
        value(await service.change(id, { weight: 4 }));
        expect(worker.snapshot()[0]!.weight).toBe(4);
      },
    );
  },
);

test("a configured name that leads to a metadata address gets no requests", async () => {
  const config = await dialects[0]!.create();
  const seed = [{ url: "http://metadata.test:80", weight: 1 }];
  const { worker } = await plane(config, seed);
  await eventually(() => worker.snapshot()[0]!.forbidden);
});

test("when the last open one is forbidden for its name, an ejected one is better than none", async () => {
  const config = await dialects[0]!.create();
  const [one, other] = [backend(), backend()];
  const named = `http://localhost:${other.port}`;
  let address = "127.0.0.1";
  const seed = [one.url, named].map((url) => ({ url, weight: 1 }));
  const { health, names, table } = await plane(config, seed, () => Promise.resolve([address]));
  await health.firstRound();
  table.eject(0, Date.now() + 60_000);
  expect([table.isOpen(0), table.isOpen(1)]).toEqual([false, true]);
  address = "169.254.169.254";
  await names.look();
  expect([table.isOpen(0), table.isOpen(1)]).toEqual([true, false]);
});

test("a change that waited until nobody listens any more is not begun", async () => {
  const one = backend();
  const { service, store, worker } = await plane(await dialects[0]!.create(), [
    { url: one.url, weight: 1 },
  ]);
  const begun = Promise.withResolvers<void>();
  const hanging = Promise.withResolvers<BackendRow[]>();
  const all = spyOn(store.backends, "all").mockImplementationOnce(() => {
    begun.resolve();
    return hanging.promise;
  });
  const id = backendId(one.url);
  const first = service.change(id, { weight: 2 });
  const second = service.change(id, { draining: true });
  await begun.promise;
  const now = performance.now();
  const clock = spyOn(performance, "now").mockReturnValue(now + 4_000);
  open.push(
    () => clock.mockRestore(),
    () => all.mockRestore(),
  );
  hanging.resolve([]);
  value(await first);
  expect(await second).toMatchObject({ ok: false, reason: "unavailable" });
  expect(worker.snapshot()[0]).toMatchObject({ weight: 2, draining: false });
});

const postgres = dialects.find((dialect) => dialect.kind === "postgres")!;

test.skipIf(postgres.missing !== null)("gateways on one database follow each other", async () => {
  const config = await postgres.create();
  const [one, other] = [backend(), backend()];
  const seed = [{ url: one.url, weight: 1 }];
  const here = await plane(config, seed);
  const there = await plane(config, seed);
  value(await here.service.add({ url: other.url }));
  await eventually(() => there.worker.snapshot().length === 2);
  value(await there.service.change(backendId(one.url), { draining: true }));
  await eventually(() => here.worker.snapshot()[0]!.draining);
  value(await there.service.remove(backendId(other.url)));
  await eventually(() => here.worker.snapshot().length === 1);
});

describe.skipIf(postgres.missing !== null)("a change that another gateway makes between", () => {
  /** Two gateways; what `between` does happens after the first one has read, before it writes. */
  async function interleaved(configured: boolean, between: (other: BackendsService) => unknown) {
    const config = await postgres.create();
    const { url } = backend();
    const seed = configured ? [{ url, weight: 1 }] : [];
    const here = await plane(config, seed);
    const there = await plane(config, seed);
    const { backends } = here.store;
    const interleave = (write: "add" | "change" | "remove"): void => {
      const original = backends[write].bind(backends) as (...args: unknown[]) => Promise<boolean>;
      const spy = spyOn(backends, write).mockImplementationOnce(async (...args: unknown[]) => {
        await between(there.service);
        return await original(...args);
      });
      open.push(() => spy.mockRestore());
    };
    const both = () => [here, there].map(({ worker }) => worker.snapshot().map(asChanged));
    return { service: here.service, url, id: backendId(url), interleave, both };
  }

  const asChanged = ({ weight, maxInFlight, draining }: BackendView) => ({
    weight,
    maxInFlight,
    draining,
  });

  test.each([true, false])("keeps what it changed, configured: %p", async (configured) => {
    const { service, url, id, interleave, both } = await interleaved(configured, async (other) => {
      value(await other.change(backendId(url), { draining: true, weight: 3 }));
    });
    if (!configured) value(await service.add({ url }));
    interleave("change");
    value(await service.change(id, { weight: 7 }));
    interleave("change");
    value(await service.change(id, { max_in_flight: 9 }));
    const changed = { weight: 3, maxInFlight: 9, draining: true };
    await eventually(() => Bun.deepEquals(both(), [[changed], [changed]]));
  });

  test.each([true, false])("and that removes it removes it, configured: %p", async (configured) => {
    const { service, url, id, interleave, both } = await interleaved(configured, async (other) => {
      value(await other.remove(backendId(url)));
    });
    if (!configured) value(await service.add({ url }));
    interleave("change");
    expect(await service.change(id, { weight: 7 })).toEqual({ ok: false, reason: "not_found" });
    await eventually(() => Bun.deepEquals(both(), [[], []]));
    value(await service.add({ url }));
    interleave("remove");
    expect(await service.remove(id)).toEqual({ ok: false, reason: "not_found" });
    await eventually(() => Bun.deepEquals(both(), [[], []]));
  });

  test("and that adds it is the one addition", async () => {
    const { service, url, interleave, both } = await interleaved(false, async (other) => {
      value(await other.add({ url, weight: 3 }));
    });
    interleave("add");
    expect(await service.add({ url, weight: 7 })).toEqual({ ok: false, reason: "exists" });
    const added = { weight: 3, maxInFlight: null, draining: false };
    await eventually(() => Bun.deepEquals(both(), [[added], [added]]));
  });
});
