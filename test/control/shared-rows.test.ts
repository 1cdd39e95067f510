// Several gateways on one PostgreSQL, each with a bucket of its own for a client, flush to the one
// row of it: a gateway that is replaced or started again finds no bucket refilled by another.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { DatabaseConfig } from "../../src/config.ts";
import { Persistence } from "../../src/control/persistence.ts";
import { ControlPlane, eventually, value } from "../support/database.ts";
import {
  POSTGRES_START_MS,
  postgresMissing,
  removeSharedCluster,
  sharedCluster,
} from "../support/postgres.ts";

afterAll(removeSharedCluster);

const slow = { rate_per_sec: 0.001 };

const flush = (plane: ControlPlane): Promise<boolean> => {
  const { store, log } = plane;
  const { registry } = plane.clients;
  return new Persistence({ store, registry, log, intervalMs: 10_000 }).stop(5_000);
};

describe.skipIf(postgresMissing !== null)("two gateways that write the same rows", () => {
  let config: DatabaseConfig;
  let here: ControlPlane;
  let there: ControlPlane;

  beforeAll(sharedCluster, POSTGRES_START_MS);
  beforeEach(async () => {
    config = { kind: "postgres", url: await (await sharedCluster()).createDatabase() };
    here = await ControlPlane.on(config);
    there = await ControlPlane.on(config);
    value(await here.clients.create({ client_id: "a", capacity: 50, ...slow }));
    await eventually(() => there.table.find("a") >= 0);
  });
  afterEach(async () => {
    await here.close();
    await there.close();
  });

  /** What the next process on this database begins with. */
  const restored = async (): Promise<number> => {
    const next = await ControlPlane.on(config);
    const { current_tokens } = await next.get("a");
    await next.close();
    return current_tokens;
  };

  const untilThereHas = async (rate: number): Promise<void> =>
    eventually(async () => (await there.get("a")).rate_per_sec === rate);

  test("what one has used up, the other's flush does not bring back", async () => {
    expect(here.take("a", 60)).toBe(50);
    await flush(here);
    expect(there.take("a")).toBe(1);
    await flush(there);
    expect(await restored()).toBeCloseTo(0, 1);
    // Whichever comes last.
    await flush(here);
    expect(await restored()).toBeCloseTo(0, 1);
    expect((await there.get("a")).current_tokens).toBeCloseTo(49, 1);
  });

  test("what the time brings between two flushes is there", async () => {
    value(await here.clients.update("a", { rate_per_sec: 1 }));
    await untilThereHas(1);
    here.take("a", 50);
    await flush(here);
    // A clock ahead stands for time that passed.
    there.wallOffset = 20_000;
    there.take("a");
    await flush(there);
    const [row] = await there.store.clients.find(["a"]);
    expect(row!.tokens).toBeGreaterThan(19.9);
    expect(row!.tokens).toBeLessThan(30);
    there.wallOffset = 3_600_000;
    there.take("a");
    await flush(there);
    expect((await there.store.clients.find(["a"]))[0]!.tokens).toBeCloseTo(48, 0);
  });

  test("a changed limit refills on neither side, and none at the next start", async () => {
    here.take("a", 50);
    await flush(here);
    // Full there, and the change comes from there.
    const changed = value(await there.clients.update("a", { rate_per_sec: 0.002 }));
    expect(changed.current_tokens).toBe(50);
    await flush(there);
    expect(await restored()).toBeCloseTo(0, 1);
    const many = [{ client_id: "a", capacity: 100, rate_per_sec: 0.003 }];
    expect(value(await there.clients.putMany(many))).toEqual(["changed"]);
    await flush(there);
    expect(await restored()).toBeCloseTo(0, 1);
  });

  test("what was not flushed when the limit changed elsewhere is flushed after it", async () => {
    here.take("a", 50);
    value(await there.clients.update("a", { rate_per_sec: 0.002 }));
    // Its own row's version is the older one by now, so this writes nothing.
    await flush(here);
    await eventually(async () => (await here.get("a")).rate_per_sec === 0.002);
    await flush(here);
    await flush(there);
    expect(await restored()).toBeCloseTo(0, 1);
  });

  test("half of a smaller bucket is half of a larger one", async () => {
    here.take("a", 25);
    await flush(here);
    value(await there.clients.update("a", { capacity: 200 }));
    await flush(there);
    expect(await restored()).toBeCloseTo(100, 1);
  });

  test("tokens set by hand are more than what was left, on both sides and at the next start", async () => {
    here.take("a", 50);
    await flush(here);
    value(await there.clients.update("a", { current_tokens: 40 }));
    await eventually(async () => (await here.get("a")).current_tokens >= 40);
    await flush(here);
    await flush(there);
    expect(await restored()).toBeCloseTo(40, 1);
  });
});
