// Several gateways on one PostgreSQL, each with a bucket of its own for a client, flush to the one
// row of it: a gateway that is replaced or started again finds no bucket refilled by another.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { SQL, type TransactionSQL } from "bun";
import type { DatabaseConfig } from "../../src/config.ts";
import { Persistence } from "../../src/control/persistence.ts";
import { ControlPlane, eventually, value } from "../support/database.ts";
import {
  POSTGRES_START_MS,
  type PostgresCluster,
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
  let cluster: PostgresCluster;
  let url: string;
  let config: DatabaseConfig;
  let here: ControlPlane;
  let there: ControlPlane;

  beforeAll(sharedCluster, POSTGRES_START_MS);
  beforeEach(async () => {
    cluster = await sharedCluster();
    url = await cluster.createDatabase();
    config = { kind: "postgres", url };
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

  test("a table that grows is not read with the plan of a small one", async () => {
    const { clients: repository } = here.store;
    const row = (await repository.find(["a"]))[0]!;
    const ids = Array.from({ length: 2_500 }, (_, index) => `grown-${index}`);
    const save = (clientIds: readonly string[]) =>
      repository.saveBuckets({
        clientIds,
        versions: clientIds.map((id) => (id === "a" ? row.version : 1)),
        tokens: clientIds.map(() => 1),
        at: Date.now(),
      });
    await using database = new SQL(url);
    // Nobody but this test tells the planner what there is.
    await database`ALTER TABLE clients SET (autovacuum_enabled = false)`;
    await database`ANALYZE clients`;
    // Each connection keeps plans of its own, and chooses after five times.
    for (let i = 0; i < 40; i++) await save(["a"]);
    await database`INSERT INTO clients SELECT 'grown-' || i, 10, 1, 10, 0, 1, 1, 0, 0
      FROM generate_series(0, 99999) AS i`;
    await save(ids);
    expect((await repository.find(["grown-2499"]))[0]).toMatchObject({ tokens: 1 });
  });

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

  type Write = (versions: number[]) => Promise<unknown>;
  const ids = ["d", "c", "b"];
  const writes: [string, Write][] = [
    [
      "a flush",
      (versions) => {
        const batch = { clientIds: ids, versions, tokens: [1, 1, 1], at: Date.now() };
        return here.store.clients.saveBuckets(batch);
      },
    ],
    [
      "many changes at once",
      (versions) => {
        const at = Date.now();
        const definition = { capacity: 20, ratePerSec: 1, tokens: 1, tokensSet: false, at };
        return here.store.clients.putMany(
          ids.map((clientId, i) => ({ clientId, version: versions[i]!, definition })),
        );
      },
    ],
  ];

  const versions = async (): Promise<number[]> => {
    for (const client_id of ids) {
      value(await here.clients.create({ client_id, capacity: 10, ...slow }));
    }
    return ids.map((id) => here.clients.registry.versionOf(id));
  };

  const holding = async (sql: TransactionSQL, id: string): Promise<void> => {
    await sql`SELECT 1 FROM clients WHERE client_id = ${id} FOR UPDATE`;
  };

  const waitingFor = async (sql: SQL): Promise<void> =>
    eventually(async () => {
      const [{ waiting }] = await sql`SELECT count(*)::int AS waiting FROM pg_locks
        WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))`;
      return waiting > 0;
    });

  test.each(writes)("%s locks its rows in the order of the ids", async (_, write) => {
    const known = await versions();
    let done: Promise<unknown> = Promise.resolve();
    await cluster.admin(
      (sql) =>
        sql.begin(async (tx) => {
          await holding(tx, "c");
          done = write(known);
          await waitingFor(tx);
          const unlocked = await tx`SELECT client_id FROM clients FOR UPDATE SKIP LOCKED`;
          expect(unlocked.map(({ client_id }: { client_id: string }) => client_id).sort()).toEqual([
            "a",
            "c",
            "d",
          ]);
        }),
      url,
    );
    await done;
  });

  test.each(writes)("%s that lost in a deadlock is done again", async (_, write) => {
    const known = await versions();
    let done: Promise<unknown> = Promise.resolve();
    await cluster.admin(
      (sql) =>
        sql.begin(async (tx) => {
          await holding(tx, "d");
          done = write(known);
          await waitingFor(tx);
          // The other one looks for a deadlock first, and ends itself.
          await tx`SET LOCAL deadlock_timeout = '10s'`;
          await holding(tx, "b");
        }),
      url,
    );
    await done;
    const rows = await here.store.clients.find(ids);
    expect(rows.map(({ tokens }) => tokens)).toEqual([1, 1, 1]);
  });
});
