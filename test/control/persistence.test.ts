// What survives: buckets are written in batches, restored with the time that passed, and an outage
// of the database costs nothing but its duration.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { DatabaseConfig } from "../../src/config.ts";
import { type FlushReport, Persistence } from "../../src/control/persistence.ts";
import {
  ControlPlane,
  dialects,
  eventually,
  removeTemporaryFolders,
  seed,
} from "../support/database.ts";
import {
  POSTGRES_START_MS,
  type PostgresCluster,
  postgresMissing,
  removeSharedCluster,
  sharedCluster,
} from "../support/postgres.ts";

afterAll(removeTemporaryFolders);
afterAll(removeSharedCluster);

const slow = { rate_per_sec: 0.001 };

function persistenceOf(plane: ControlPlane, intervalMs = 10_000) {
  const reports: FlushReport[] = [];
  const persistence = new Persistence({
    store: plane.store,
    registry: plane.clients.registry,
    intervalMs,
    pingEveryMs: 100,
    log: plane.log,
    onFlush: (report) => reports.push(report),
  });
  return { persistence, reports };
}

describe.each(dialects)("buckets in $kind", ({ kind, missing, prepare, create }) => {
  const run = test.skipIf(missing !== null);
  if (missing) console.warn(`skipped: buckets in ${kind}: ${missing}`);
  let config: DatabaseConfig;
  let plane: ControlPlane;

  beforeAll(prepare, POSTGRES_START_MS);
  beforeEach(async () => {
    if (missing) return;
    config = await create();
    plane = await ControlPlane.on(config);
  });
  afterEach(async () => {
    if (!missing) await plane.close();
  });

  const restart = async (options?: Parameters<typeof ControlPlane.on>[1]): Promise<void> => {
    await plane.close();
    plane = await ControlPlane.on(config, options);
  };

  run("what was taken stays taken after a clean stop", async () => {
    await plane.clients.create({ client_id: "a", capacity: 100, ...slow });
    plane.take("a", 70);
    const { persistence } = persistenceOf(plane);
    expect(await persistence.stop(5_000)).toBe(true);
    await restart();
    expect((await plane.get("a")).current_tokens).toBeCloseTo(30, 1);
    expect(plane.take("a", 100)).toBe(30);
  });

  run("buckets refill for the time that the gateway was not running", async () => {
    await plane.clients.create({ client_id: "a", capacity: 100, rate_per_sec: 1 });
    await plane.clients.create({ client_id: "b", capacity: 10, rate_per_sec: 1 });
    plane.take("a", 90);
    plane.take("b", 10);
    await persistenceOf(plane).persistence.stop(5_000);
    await restart({ wallOffset: 30_000 });
    const { current_tokens } = await plane.get("a");
    expect(current_tokens).toBeGreaterThan(39.9);
    expect(current_tokens).toBeLessThan(50);
    // Never above the capacity.
    expect((await plane.get("b")).current_tokens).toBe(10);
  });

  run("a wall clock that was stepped back refills nothing and takes nothing away", async () => {
    await plane.clients.create({ client_id: "a", capacity: 100, rate_per_sec: 1 });
    plane.take("a", 60);
    await persistenceOf(plane).persistence.stop(5_000);
    await restart({ wallOffset: -3_600_000 });
    expect((await plane.get("a")).current_tokens).toBeCloseTo(40, 0);
  });

  run("only what changed is written", async () => {
    for (const client_id of ["a", "b", "c"]) {
      await plane.clients.create({ client_id, capacity: 10, ...slow });
    }
    const { persistence, reports } = persistenceOf(plane);
    plane.take("b", 3);
    await persistence.flush();
    plane.take("a");
    plane.take("c");
    await persistence.flush();
    await persistence.flush();
    expect(reports.map((report) => report.written)).toEqual([1, 2]);
    expect(reports.at(-1)).toMatchObject({ up: true, pending: 0, failures: 0 });
    const rows = await plane.store.clients.find(["a", "b", "c"]);
    const tokens = Object.fromEntries(rows.map((row) => [row.clientId, Math.round(row.tokens)]));
    expect(tokens).toEqual({ a: 9, b: 7, c: 9 });
  });

  run("a flush does not overwrite a definition that is newer than what it read", async () => {
    await plane.clients.create({ client_id: "a", capacity: 10, ...slow });
    const [old] = await plane.store.clients.find(["a"]);
    await plane.clients.update("a", { current_tokens: 2 });
    const stale = { clientIds: ["a"], versions: [old!.version], tokens: [9], at: Date.now() };
    await plane.store.clients.saveBuckets(stale);
    expect((await plane.store.clients.find(["a"]))[0]!.tokens).toBe(2);
    // The same for an id that was removed and created again.
    await plane.clients.remove("a");
    await plane.clients.create({ client_id: "a", capacity: 5, ...slow });
    await plane.store.clients.saveBuckets(stale);
    expect((await plane.store.clients.find(["a"]))[0]!.tokens).toBe(5);
  });

  run("a client removed after a take is not written, and not in the way", async () => {
    await plane.clients.create({ client_id: "a", capacity: 10, ...slow });
    await plane.clients.create({ client_id: "b", capacity: 10, ...slow });
    plane.take("a");
    plane.take("b");
    await plane.clients.remove("a");
    const { persistence, reports } = persistenceOf(plane);
    await persistence.flush();
    expect(reports.at(-1)).toMatchObject({ written: 1, pending: 0 });
  });

  run("it flushes by itself every interval until it is stopped", async () => {
    await plane.clients.create({ client_id: "a", capacity: 1_000, ...slow });
    const { persistence, reports } = persistenceOf(plane, 10);
    persistence.start();
    for (let flushes = 1; flushes <= 3; flushes++) {
      plane.take("a");
      await eventually(() => reports.length >= flushes);
    }
    await persistence.stop(5_000);
    const stopped = reports.length;
    plane.take("a");
    await Bun.sleep(50);
    expect(reports).toHaveLength(stopped);
  });

  run("started again while it runs, it is one loop that one stop ends", async () => {
    await plane.clients.create({ client_id: "a", capacity: 10, ...slow });
    const { persistence, reports } = persistenceOf(plane, 400);
    persistence.start();
    persistence.start();
    await persistence.stop(5_000);
    const stopped = reports.length;
    plane.take("a");
    await Bun.sleep(450);
    expect(reports).toHaveLength(stopped);
  });

  run(
    "many buckets are written and restored fast without holding the thread",
    async () => {
      const count = 20_000;
      await seed(config, count);
      const started = performance.now();
      await restart();
      expect(plane.restored).toBe(count);
      // Seconds, not minutes: the machine of a test is shared.
      expect(performance.now() - started).toBeLessThan(5_000);

      for (let i = 0; i < count; i++) plane.take(`client-${i}`, 4);
      let longest = 0;
      let last = performance.now();
      const ticker = setInterval(() => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }, 1);
      const { persistence, reports } = persistenceOf(plane);
      await persistence.flush();
      clearInterval(ticker);
      expect(reports.at(-1)).toMatchObject({ written: count, pending: 0 });
      expect(longest).toBeLessThan(250);
      await restart();
      expect((await plane.get("client-12345")).current_tokens).toBeCloseTo(6, 1);
    },
    60_000,
  );
});

describe.skipIf(postgresMissing !== null)("an outage of the database", () => {
  let cluster: PostgresCluster;
  let plane: ControlPlane;

  beforeAll(sharedCluster, POSTGRES_START_MS);
  beforeEach(async () => {
    cluster = await sharedCluster();
    const url = await cluster.createDatabase();
    plane = await ControlPlane.on({ kind: "postgres", url });
    await plane.clients.create({ client_id: "a", capacity: 1_000, ...slow });
  });
  afterEach(async () => {
    await cluster.up();
    await plane.close();
  });

  test("traffic goes on, writes are refused, and the flush catches up", async () => {
    const { persistence, reports } = persistenceOf(plane, 50);
    persistence.start();
    plane.take("a", 100);
    await eventually(() => reports.some((report) => report.written === 1));
    await cluster.down();
    plane.take("a", 200);
    await eventually(() => reports.filter((report) => !report.up).length >= 3);
    expect(reports.at(-1)).toMatchObject({ up: false, pending: 1 });
    expect(plane.take("a", 50)).toBe(50);
    expect((await plane.get("a")).current_tokens).toBeCloseTo(650, 1);
    await cluster.up();
    await eventually(() => reports.at(-1)!.up);
    const [row] = await plane.store.clients.find(["a"]);
    expect(row!.tokens).toBeCloseTo(650, 1);
    const logged = plane.lines.filter((line) => line.includes("persistence"));
    expect(logged).toHaveLength(2);
    expect(logged[0]).toContain("database is down");
    expect(logged[1]).toContain("database is back");
    await persistence.stop(5_000);
  });

  test("the last flush gives up in time and says what was lost", async () => {
    const { persistence } = persistenceOf(plane);
    plane.take("a", 10);
    const thaw = cluster.freeze();
    try {
      const started = performance.now();
      expect(await persistence.stop(300)).toBe(false);
      expect(performance.now() - started).toBeLessThan(2_000);
      expect(plane.lines.at(-1)).toContain("not all buckets were saved");
    } finally {
      thaw();
    }
  });

  test("the database is found down and back with nothing to write", async () => {
    const { persistence, reports } = persistenceOf(plane, 20);
    await cluster.down();
    persistence.start();
    await eventually(() => reports.at(-1)?.up === false);
    await cluster.up();
    await eventually(() => reports.at(-1)!.up);
    await persistence.stop(5_000);
  });
});
