// Several gateways on one PostgreSQL: each one's tables come to hold what the database holds, also
// when notifications or answers are lost.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { SQL } from "bun";
import type { DatabaseConfig } from "../../../src/config.ts";
import { Follower } from "../../../src/control/clients/follower.ts";
import { ClientRegistry } from "../../../src/control/clients/registry.ts";
import type { ClientsRepository } from "../../../src/control/clients/repository.ts";
import { Turns } from "../../../src/control/clients/turns.ts";
import { ClientTable } from "../../../src/shared/client-table.ts";
import { mainClock } from "../../../src/shared/clock.ts";
import {
  ControlPlane,
  eventually,
  recordingLog,
  value,
  writeByHand,
} from "../../support/database.ts";
import { FaultyNetwork } from "../../support/faulty-network.ts";
import {
  POSTGRES_START_MS,
  type PostgresCluster,
  postgresMissing,
  removeSharedCluster,
  sharedCluster,
} from "../../support/postgres.ts";

afterAll(removeSharedCluster);

const slow = { rate_per_sec: 0.001 };

describe.skipIf(postgresMissing !== null)("two gateways on one database", () => {
  let cluster: PostgresCluster;
  let url: string;
  let here: ControlPlane;
  let there: ControlPlane;

  const capacityThere = async (clientId: string): Promise<number | null> => {
    const result = await there.clients.get(clientId);
    return result.ok ? result.value.capacity : null;
  };

  beforeAll(sharedCluster, POSTGRES_START_MS);
  beforeEach(async () => {
    cluster = await sharedCluster();
    url = await cluster.createDatabase();
    here = await ControlPlane.on({ kind: "postgres", url }, { heartbeatMs: 300 });
    there = await ControlPlane.on({ kind: "postgres", url }, { heartbeatMs: 300 });
  });
  afterEach(async () => {
    await cluster.up();
    await here.close();
    await there.close();
  });

  test("a creation, a change and a removal arrive", async () => {
    await here.clients.create({ client_id: "a", capacity: 10, ...slow });
    await eventually(async () => (await capacityThere("a")) === 10);
    await here.clients.update("a", { capacity: 20 });
    await eventually(async () => (await capacityThere("a")) === 20);
    await here.clients.remove("a");
    await eventually(async () => (await capacityThere("a")) === null);
    await here.clients.create({ client_id: "a", capacity: 30, ...slow });
    await eventually(async () => (await capacityThere("a")) === 30);
  });

  test("a changed limit keeps the fraction of the bucket there, given tokens replace it", async () => {
    await here.clients.create({ client_id: "a", capacity: 100, ...slow });
    await eventually(async () => (await capacityThere("a")) === 100);
    there.take("a", 75);
    await here.clients.update("a", { capacity: 200 });
    await eventually(async () => (await capacityThere("a")) === 200);
    expect((await there.get("a")).current_tokens).toBeCloseTo(50, 1);
    await here.clients.update("a", { current_tokens: 3 });
    await eventually(async () => (await there.get("a")).current_tokens < 4);
    expect(there.take("a", 100)).toBe(3);
  });

  test("changes on both sides at once end the same", async () => {
    await here.clients.create({ client_id: "a", capacity: 1, ...slow });
    await eventually(async () => (await capacityThere("a")) === 1);
    for (let round = 1; round <= 20; round++) {
      const [left, right] = await Promise.all([
        here.clients.update("a", { capacity: round * 2 }),
        there.clients.update("a", { rate_per_sec: round }),
      ]);
      value(left);
      value(right);
    }
    await eventually(async () => (await here.get("a")).rate_per_sec === 20);
    await eventually(async () => (await capacityThere("a")) === 40);
  });

  test("one of two creations of an id wins, and both sides know which", async () => {
    const results = await Promise.all([
      here.clients.create({ client_id: "a", capacity: 1, ...slow }),
      there.clients.create({ client_id: "a", capacity: 2, ...slow }),
    ]);
    const won = results.findIndex((result) => result.ok) + 1;
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    await eventually(async () => (await capacityThere("a")) === won);
    await eventually(() => here.clients.registry.client("a")?.capacity === won);
  });

  test("a flush is no change to the others", async () => {
    await here.clients.create({ client_id: "a", capacity: 10, ...slow });
    await eventually(async () => (await capacityThere("a")) === 10);
    const [row] = await here.store.clients.find(["a"]);
    const { version } = row!;
    const at = Date.now();
    await here.store.clients.saveBuckets({
      clientIds: ["a"],
      versions: [version],
      tokens: [1],
      at,
    });
    await here.clients.create({ client_id: "b", capacity: 10, ...slow });
    await eventually(async () => (await capacityThere("b")) === 10);
    expect((await there.get("a")).current_tokens).toBe(10);
  });

  test("what was missed while the connections were broken is caught up", async () => {
    for (const client_id of ["kept", "changed", "removed"]) {
      await here.clients.create({ client_id, capacity: 10, ...slow });
    }
    await eventually(async () => (await capacityThere("removed")) === 10);
    // Changes that notify nobody stand for notifications that were lost.
    const silent = new SQL({ url, max: 1 });
    await silent`UPDATE clients SET capacity = 20, version = nextval('clients_version')
      WHERE client_id = 'changed'`;
    await silent`DELETE FROM clients WHERE client_id = 'removed'`;
    await silent`INSERT INTO clients
      SELECT 'added', 30, 1, 30, 0, nextval('clients_version'), 1, 0, 0`;
    await silent.close();
    expect(await cluster.disconnectAll(url)).toBeGreaterThan(1);
    await eventually(async () => (await capacityThere("added")) === 30);
    await eventually(async () => (await capacityThere("removed")) === null);
    expect(await capacityThere("changed")).toBe(20);
    expect(await capacityThere("kept")).toBe(10);
  });

  test("a row that no gateway wrote is passed over once, and what comes after it arrives", async () => {
    const notified = async (clientId: string): Promise<void> => {
      const change = JSON.stringify({ client_id: clientId, version: 1 });
      await cluster.admin((sql) => sql`SELECT pg_notify('gateway_clients', ${change})`, url);
    };
    await writeByHand({ kind: "postgres", url }, "'a b', 10, 1, 10, 0, 1, 1, 0, 0");
    await notified("a b");
    await eventually(() => here.lines.join().includes("no gateway wrote"));
    await notified("a b");
    await there.clients.create({ client_id: "a", capacity: 10, ...slow });
    await eventually(() => here.table.find("a") >= 0);
    expect(here.lines.filter((line) => line.includes("no gateway wrote"))).toHaveLength(1);
  });

  describe("a database that comes back as it was before", () => {
    /** Changes of `a` and a client `late` that the database then forgets, without a word. */
    const restored = async (): Promise<void> => {
      await here.clients.create({ client_id: "a", capacity: 10, ...slow });
      const backup = await admin((sql) => sql`SELECT version FROM clients`);
      for (const capacity of [20, 40, 80, 160]) await here.clients.update("a", { capacity });
      await here.clients.create({ client_id: "late", capacity: 10, ...slow });
      await eventually(async () => (await capacityThere("late")) === 10);
      const { version } = backup[0];
      await admin(async (sql) => {
        await sql`UPDATE clients SET capacity = 10, version = ${version}`;
        await sql`DELETE FROM clients WHERE client_id = 'late'`;
        await sql`SELECT setval('clients_version', ${version})`;
      });
    };
    const admin = <T>(run: (sql: SQL) => PromiseLike<T>): Promise<T> => cluster.admin(run, url);

    test("is what the tables hold after it", async () => {
      await restored();
      await cluster.disconnectAll(url);
      await eventually(async () => (await capacityThere("a")) === 10);
      await eventually(async () => (await capacityThere("late")) === null);
      await eventually(async () => (await here.get("a")).capacity === 10);
      // Whose version is one that the tables knew.
      value(await here.clients.update("a", { capacity: 30 }));
      await eventually(async () => (await capacityThere("a")) === 30);
    });

    test("and is changed at once: what is answered acts", async () => {
      await restored();
      value(await here.clients.update("a", { capacity: 7, current_tokens: 3 }));
      expect((await here.get("a")).capacity).toBe(7);
      expect(here.take("a", 10)).toBe(3);
      value(await here.clients.create({ client_id: "late", capacity: 9, ...slow }));
      expect(here.take("late", 10)).toBe(9);
      await eventually(async () => (await capacityThere("a")) === 7);
      await eventually(async () => (await capacityThere("late")) === 9);
    });

    test("and goes on under the same versions elsewhere", async () => {
      await restored();
      // Another gateway, which has the versions that these two have seen.
      const elsewhere = await ControlPlane.on({ kind: "postgres", url }, { deaf: true });
      for (const capacity of [11, 12, 13, 14]) {
        value(await elsewhere.clients.update("a", { capacity }));
      }
      await elsewhere.close();
      await cluster.disconnectAll(url);
      await eventually(async () => (await capacityThere("a")) === 14);
      await eventually(async () => (await here.get("a")).capacity === 14);
    });
  });

  test("the database's restart is survived, and changes arrive again", async () => {
    await here.clients.create({ client_id: "a", capacity: 10, ...slow });
    await eventually(async () => (await capacityThere("a")) === 10);
    await cluster.down();
    const refused = await here.clients.update("a", { capacity: 99 });
    const detail = expect.stringContaining("nothing was changed");
    expect(refused).toMatchObject({ ok: false, reason: "unavailable", detail });
    expect((await here.get("a")).capacity).toBe(10);
    await cluster.up();
    value(await here.clients.update("a", { capacity: 20 }));
    await eventually(async () => (await capacityThere("a")) === 20);
  });
});

describe.skipIf(postgresMissing !== null)("a network that fails", () => {
  let cluster: PostgresCluster;
  let url: string;
  let network: FaultyNetwork;
  let config: DatabaseConfig;
  let plane: ControlPlane;

  beforeAll(sharedCluster, POSTGRES_START_MS);
  beforeEach(async () => {
    cluster = await sharedCluster();
    url = await cluster.createDatabase();
    network = new FaultyNetwork({ hostname: "127.0.0.1", port: cluster.port });
    const relayed = new URL(url);
    relayed.port = String(network.port);
    config = { kind: "postgres", url: relayed.href };
    plane = await ControlPlane.on(config, { heartbeatMs: 300 });
    value(await plane.clients.create({ client_id: "a", capacity: 10, ...slow }));
  });
  afterEach(async () => {
    network.loseAnswers = false;
    await plane.close();
    network.close();
  });

  test("a lost answer is a refusal, and the tables follow what the database did", async () => {
    // Deaf, or the notification of its own change would repair it.
    await plane.close();
    plane = await ControlPlane.on(config, { deaf: true });
    // Every connection has prepared the statements, so that losing one answer loses the result.
    const warm = Array.from({ length: 12 }, (_, i) => ({
      client_id: `w${i}`,
      capacity: 1,
      ...slow,
    }));
    await Promise.all(warm.map((client) => plane.clients.create(client)));
    await Promise.all(warm.map((client) => plane.clients.remove(client.client_id)));
    network.loseAnswers = true;
    const created = await plane.clients.create({ client_id: "b", capacity: 5, ...slow });
    const removed = await plane.clients.remove("a");
    expect(network.lost).toBeGreaterThan(1);
    for (const answer of [created, removed]) {
      const detail = expect.stringContaining("may or may not have been made");
      expect(answer).toMatchObject({ ok: false, reason: "unavailable", detail });
    }
    // Nothing changed here yet, whatever the database did.
    expect(plane.table.find("a")).toBeGreaterThanOrEqual(0);
    expect(plane.table.find("b")).toBe(-1);
    network.loseAnswers = false;
    const stored = await cluster.admin((sql) => sql`SELECT client_id FROM clients`, url);
    const ids: string[] = stored.map((row: { client_id: string }) => row.client_id);
    expect(ids).toContain("b");
    expect(ids).not.toContain("a");
    await eventually(() =>
      ["a", "b"].every((id) => ids.includes(id) === plane.table.find(id) >= 0),
    );
  });

  test("a change that was sent and not answered may have been made, and the answer says so", async () => {
    const thaw = cluster.freeze();
    try {
      const created = await plane.clients.create({ client_id: "late", capacity: 5, ...slow });
      const detail = expect.stringContaining("may or may not have been made");
      expect(created).toMatchObject({ ok: false, reason: "unavailable", detail });
    } finally {
      thaw();
    }
  }, 20_000);

  test("connections that lead nowhere are given up in bounded time and replaced", async () => {
    network.forgetConnections();
    const asked = performance.now();
    // The later ones wait for the first, and are not tried one after the other for that.
    const refused = await Promise.all(
      [20, 21, 22].map((capacity) => plane.clients.update("a", { capacity })),
    );
    for (const answer of refused) {
      expect(answer).toMatchObject({ ok: false, reason: "unavailable" });
    }
    expect(performance.now() - asked).toBeLessThan(5_500);
    value(await plane.clients.update("a", { capacity: 30 }));
    // The listener's connection is dead too, and nobody told it.
    await cluster.admin(
      (sql) =>
        sql.begin(async (tx) => {
          await tx`UPDATE clients SET capacity = 40, version = nextval('clients_version')`;
        }),
      url,
    );
    await eventually(async () => (await plane.get("a")).capacity === 40);
    expect(plane.lines.join()).toContain("change notifications stopped arriving");
  }, 20_000);
});

test("what goes wrong in an unforeseen way is tried again after a pause, and told", async () => {
  const { log, lines } = recordingLog();
  const asked: number[] = [];
  const again = Promise.withResolvers<void>();
  const repository = {
    find: () => {
      asked.push(performance.now());
      if (asked.length === 1) return Promise.reject(new TypeError("not foreseen"));
      again.resolve();
      return Promise.resolve([]);
    },
  } as unknown as ClientsRepository;
  const memory = ClientTable.reserve({ maxClients: 2 });
  const table = new ClientTable(memory);
  const registry = new ClientRegistry({ table, memory, clock: mainClock() });
  const follower = new Follower({ repository, registry, turns: new Turns(), log });
  follower.reread("a");
  await again.promise;
  await follower.stop();
  expect(asked[1]! - asked[0]!).toBeGreaterThan(300);
  expect(lines.join()).toContain("not foreseen");
});
