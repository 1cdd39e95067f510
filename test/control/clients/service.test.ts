// The clients service over real databases: what is answered, what is stored and what the tables
// enforce always agree. One suite, both dialects.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { DatabaseConfig } from "../../../src/config.ts";
import type { ClientPage } from "../../../src/shared/clients.ts";
import {
  ControlPlane,
  dialects,
  removeTemporaryFolders,
  value,
  writeByHand,
} from "../../support/database.ts";
import { POSTGRES_START_MS, removeSharedCluster } from "../../support/postgres.ts";

afterAll(removeTemporaryFolders);
afterAll(removeSharedCluster);

// Slow enough that nothing refills while a test runs.
const slow = { rate_per_sec: 0.001 };

describe.each(dialects)("clients in $kind", ({ kind, missing, prepare, create }) => {
  const run = test.skipIf(missing !== null);
  if (missing) console.warn(`skipped: clients in ${kind}: ${missing}`);
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

  run("a created client starts full, acts at once and is stored", async () => {
    const created = value(await plane.clients.create({ client_id: "a", capacity: 3, ...slow }));
    expect(created).toEqual({
      client_id: "a",
      capacity: 3,
      rate_per_sec: 0.001,
      current_tokens: 3,
    });
    expect(plane.take("a", 10)).toBe(3);
    await restart();
    expect(plane.restored).toBe(1);
    expect(await plane.get("a")).toMatchObject({ capacity: 3, rate_per_sec: 0.001 });
  });

  run("tokens given at creation are what the bucket holds", async () => {
    const client = { client_id: "half", capacity: 100, ...slow, current_tokens: 50 };
    expect(value(await plane.clients.create(client)).current_tokens).toBe(50);
    expect(plane.take("half", 100)).toBe(50);
  });

  run("the smallest numbers there are hold up no change, and no other bucket's flush", async () => {
    const least = Number.MIN_VALUE;
    await plane.clients.create({ client_id: "slow", capacity: 10, rate_per_sec: least });
    const few = { client_id: "few", capacity: 1e9, rate_per_sec: 1, current_tokens: least };
    expect(value(await plane.clients.create(few)).current_tokens).toBe(least);
    await plane.clients.create({ client_id: "other", capacity: 10, ...slow });
    const repository = plane.store.clients;
    const rows = await repository.find(["slow", "other"]);
    await repository.saveBuckets({
      clientIds: rows.map((row) => row.clientId),
      versions: rows.map((row) => row.version),
      tokens: rows.map(() => 5),
      // A moment after which next to nothing has come back.
      at: rows[0]!.tokensAt + 50,
    });
    expect(await repository.find(["other"])).toMatchObject([{ tokens: 5 }]);
    const slower = await plane.clients.update("slow", { capacity: 20 });
    expect(value(slower)).toMatchObject({ capacity: 20, rate_per_sec: least });
    // A clock that was stepped back refills nothing at all.
    plane.wallOffset = -60_000;
    const fewer = await plane.clients.putMany([{ client_id: "few", capacity: 1, rate_per_sec: 1 }]);
    expect(value(fewer)).toEqual(["changed"]);
  });

  run("an id that exists is refused and keeps its limit", async () => {
    await plane.clients.create({ client_id: "a", capacity: 3, ...slow });
    const again = await plane.clients.create({ client_id: "a", capacity: 9, ...slow });
    expect(again).toEqual({ ok: false, reason: "exists" });
    expect((await plane.get("a")).capacity).toBe(3);
  });

  run("more tokens than the capacity are refused, at creation and after", async () => {
    const invalid = {
      ok: false,
      reason: "invalid",
      fields: [{ field: "current_tokens", message: "must be at most the capacity, 10" }],
    };
    const tooFull = { capacity: 10, ...slow, current_tokens: 11 };
    expect(await plane.clients.create({ client_id: "a", ...tooFull })).toEqual(invalid as never);
    expect(await plane.clients.get("a")).toEqual({ ok: false, reason: "not_found" });
    await plane.clients.create({ client_id: "a", capacity: 10, ...slow });
    expect(await plane.clients.update("a", { current_tokens: 11 })).toEqual(invalid as never);
    expect(await plane.clients.replace("a", tooFull)).toEqual(invalid as never);
    // The capacity of the same change counts.
    expect((await plane.clients.update("a", { capacity: 20, current_tokens: 11 })).ok).toBe(true);
  });

  run("a changed capacity keeps the fraction that is left", async () => {
    await plane.clients.create({ client_id: "a", capacity: 100, ...slow, current_tokens: 50 });
    const wider = value(await plane.clients.update("a", { capacity: 200 }));
    expect(wider.current_tokens).toBeCloseTo(100, 2);
    const narrower = value(await plane.clients.replace("a", { capacity: 10, ...slow }));
    expect(narrower.current_tokens).toBeCloseTo(5, 2);
    expect(plane.take("a", 20)).toBe(5);
  });

  run("tokens given in a change are set, also to none", async () => {
    await plane.clients.create({ client_id: "a", capacity: 100, ...slow });
    expect(value(await plane.clients.update("a", { current_tokens: 0 })).current_tokens).toBe(0);
    expect(plane.take("a")).toBe(0);
    await restart();
    expect((await plane.get("a")).current_tokens).toBeLessThan(0.1);
  });

  run("a removed client is gone from the tables and from the database", async () => {
    await plane.clients.create({ client_id: "a", capacity: 3, ...slow });
    expect(await plane.clients.remove("a")).toEqual({ ok: true, value: null });
    expect(plane.table.find("a")).toBe(-1);
    expect(await plane.clients.remove("a")).toEqual({ ok: false, reason: "not_found" });
    expect(await plane.clients.update("a", { capacity: 5 })).toEqual({
      ok: false,
      reason: "not_found",
    });
    await restart();
    expect(plane.restored).toBe(0);
  });

  run("an id created again after its removal is a new client", async () => {
    await plane.clients.create({ client_id: "a", capacity: 3, ...slow, current_tokens: 0 });
    await plane.clients.remove("a");
    value(await plane.clients.create({ client_id: "a", capacity: 7, ...slow }));
    expect(plane.take("a", 10)).toBe(7);
    value(await plane.clients.update("a", { capacity: 14, current_tokens: 14 }));
    expect(plane.take("a", 20)).toBe(14);
  });

  run("changes of one client at the same time all happen", async () => {
    await plane.clients.create({ client_id: "a", capacity: 1, ...slow });
    const changes = Array.from({ length: 40 }, (_, i) =>
      plane.clients.update("a", i % 2 ? { capacity: 100 + i } : { rate_per_sec: 1 + i }),
    );
    const results = await Promise.all(changes);
    expect(results.every((result) => result.ok)).toBe(true);
    const live = await plane.get("a");
    expect(live).toMatchObject({ capacity: 139, rate_per_sec: 39 });
    const [stored] = await plane.store.clients.find(["a"]);
    expect(stored).toMatchObject({ capacity: 139, ratePerSec: 39, version: expect.any(Number) });
  });

  run("one of many creations of the same id wins", async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        plane.clients.create({ client_id: "a", capacity: i + 1, ...slow }),
      ),
    );
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    const winner = results.findIndex((result) => result.ok);
    expect((await plane.get("a")).capacity).toBe(winner + 1);
  });

  run("pages go through all clients in byte order with live tokens", async () => {
    // In a linguistic order, "b" would come before "B" and "_" be ignored.
    const ids = ["B", "a", "b", "a_", "a-", "a.b", "Z", "0", "a:1", "a@x", "_"];
    for (const client_id of ids) await plane.clients.create({ client_id, capacity: 9, ...slow });
    plane.take("a", 4);
    const found: string[] = [];
    let after: string | null = null;
    do {
      const page: ClientPage = value(await plane.clients.list({ limit: 4, after }));
      expect(page.clients.length).toBeLessThanOrEqual(4);
      found.push(...page.clients.map((client) => client.client_id));
      for (const client of page.clients) {
        const left = client.client_id === "a" ? 5 : 9;
        expect(client.current_tokens).toBeCloseTo(left, 2);
      }
      after = page.next;
    } while (after !== null);
    expect(found).toEqual([...ids].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  });

  run("the last page says so, also when it is exactly full", async () => {
    for (const client_id of ["a", "b"]) {
      await plane.clients.create({ client_id, capacity: 1, ...slow });
    }
    expect(value(await plane.clients.list({ limit: 2, after: null })).next).toBeNull();
    expect(value(await plane.clients.list({ limit: 1, after: null })).next).toBe("a");
    expect(value(await plane.clients.list({ limit: 5, after: "zzz" })).clients).toEqual([]);
  });

  run("a table without room refuses a client and stores nothing of it", async () => {
    await restart({ maxClients: 3 });
    const results = await Promise.all(
      ["a", "b", "c", "d", "e"].map((client_id) =>
        plane.clients.create({ client_id, capacity: 1, ...slow }),
      ),
    );
    const refused = results.filter((result) => !result.ok);
    const full = { ok: false, reason: "full" } as const;
    expect(refused).toEqual([full, full]);
    expect(value(await plane.clients.list({ limit: 10, after: null })).clients).toHaveLength(3);
  });

  run(
    "rows that no gateway wrote are passed over, each with one line, and are not changed",
    async () => {
      const infinite = kind === "sqlite" ? "9e999" : "'Infinity'";
      const columns = "10, 1, 10, 0, 1, 1, 0, 0";
      value(await plane.clients.create({ client_id: "ok", capacity: 3, ...slow }));
      await writeByHand(config, `'a b', ${columns}`);
      await writeByHand(config, `'endless', ${infinite}, 1, 10, 0, 1, 1, 0, 0`);
      await writeByHand(config, `'never', 10, 0, 10, 0, 1, 1, 0, 0`);
      await writeByHand(config, `'zero', 10, 1, 10, 0, 0, 0, 0, 0`);
      await writeByHand(config, `'${"x".repeat(129)}', ${columns}`);
      await restart();
      expect(plane.restored).toBe(1);
      expect(plane.lines.filter((line) => line.includes("no gateway wrote"))).toHaveLength(5);
      const unchanged = await plane.clients.update("endless", { capacity: 5 });
      expect(unchanged).toMatchObject({ ok: false, reason: "invalid" });
      const line = { client_id: "never", capacity: 5, ...slow };
      const many = value(await plane.clients.putMany([line]));
      expect(many).toMatchObject([{ refused: [{ field: "client_id" }] }]);
      // Pages go past them.
      value(await plane.clients.create({ client_id: "zz", capacity: 3, ...slow }));
      const page = value(await plane.clients.list({ limit: 1, after: null }));
      expect(page).toMatchObject({ clients: [{ client_id: "ok" }], next: "ok" });
      const rest = value(await plane.clients.list({ limit: 1, after: "ok" }));
      expect(rest).toMatchObject({ clients: [{ client_id: "zz" }], next: null });
      expect(await plane.clients.remove("never")).toEqual({ ok: true, value: null });
      value(await plane.clients.create(line));
    },
  );

  run("limits come back from the database bit for bit", async () => {
    const odd = { capacity: 999_999_999.75, rate_per_sec: 0.1 + 0.2 };
    await plane.clients.create({ client_id: "odd", ...odd });
    await restart();
    expect(await plane.get("odd")).toMatchObject(odd);
  });

  run("thousands of different queries at once each get their own rows", async () => {
    const ids = Array.from({ length: 300 }, (_, i) => `client-${String(i).padStart(4, "0")}`);
    for (const [i, client_id] of ids.entries()) {
      await plane.clients.create({ client_id, capacity: i + 1, ...slow });
    }
    const { clients } = plane.store;
    const mixed = Array.from({ length: 3_000 }, async (_, i) => {
      const at = (i * 7) % 300;
      const id = ids[at]!;
      switch (i % 4) {
        case 0:
          expect(await clients.find([id])).toMatchObject([{ clientId: id, capacity: at + 1 }]);
          break;
        case 1: {
          const rows = await clients.page(id, 3);
          expect(rows.map((row) => row.clientId)).toEqual(ids.slice(at + 1, at + 4));
          break;
        }
        case 2:
          expect(await clients.find([`no-${i}`])).toEqual([]);
          break;
        default:
          await clients.saveBuckets({ clientIds: [id], versions: [-1], tokens: [i], at: 0 });
      }
    });
    await Promise.all(mixed);
  });
});
