// Many clients at once over real databases: what is answered, stored and enforced agrees, as with
// one. One suite, both dialects.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { DatabaseConfig } from "../../../src/config.ts";
import { PERHAPS_CHANGED, StoreUnavailable } from "../../../src/control/db/unavailable.ts";
import {
  ControlPlane,
  dialects,
  eventually,
  removeTemporaryFolders,
  value,
} from "../../support/database.ts";
import { POSTGRES_START_MS, removeSharedCluster } from "../../support/postgres.ts";

afterAll(removeTemporaryFolders);
afterAll(removeSharedCluster);

const slow = { rate_per_sec: 0.001 };

describe.each(dialects)("many clients in $kind", ({ kind, missing, prepare, create }) => {
  const run = test.skipIf(missing !== null);
  if (missing) console.warn(`skipped: many clients in ${kind}: ${missing}`);
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

  run("new ones are created, others changed, equal ones left alone", async () => {
    for (const client_id of ["same", "other"]) {
      await plane.clients.create({ client_id, capacity: 10, ...slow, current_tokens: 5 });
    }
    const many = [
      { client_id: "new", capacity: 3, ...slow },
      { client_id: "same", capacity: 10, ...slow },
      { client_id: "half", capacity: 8, ...slow, current_tokens: 4 },
      { client_id: "other", capacity: 20, ...slow },
    ];
    const outcomes = value(await plane.clients.putMany(many));
    expect(outcomes).toEqual(["created", "unchanged", "created", "changed"]);
    await restart();
    expect(["new", "same", "half", "other"].map((id) => plane.take(id, 100))).toEqual([
      3, 5, 4, 10,
    ]);
    expect(await plane.get("other")).toMatchObject({ capacity: 20, rate_per_sec: 0.001 });
  });

  run(
    "whoever loses the database between two rounds is not told that nothing was changed",
    async () => {
      await plane.clients.create({ client_id: "b", capacity: 10, ...slow });
      const repository = plane.store.clients;
      const putMany = repository.putMany.bind(repository);
      repository.putMany = async (writes) => {
        // Another gateway comes first with one of them, and then the database is gone.
        const [row] = await repository.find(["b"]);
        const at = Date.now();
        const definition = { capacity: 20, ratePerSec: 1, tokens: 20, tokensSet: true, at };
        await repository.update("b", row!.version, definition);
        const written = await putMany(writes);
        repository.find = () => Promise.reject(new StoreUnavailable("it is gone"));
        return written;
      };
      const many = [
        { client_id: "a", capacity: 30, ...slow },
        { client_id: "b", capacity: 30, ...slow },
      ];
      expect(await plane.clients.putMany(many)).toEqual({
        ok: false,
        reason: "unavailable",
        detail: PERHAPS_CHANGED,
      });
      expect((await plane.get("a")).capacity).toBe(30);
    },
  );

  run("the same again changes nothing, given tokens are set anew", async () => {
    const many = [
      { client_id: "a", capacity: 5, ...slow },
      { client_id: "b", capacity: 5, ...slow, current_tokens: 5 },
    ];
    value(await plane.clients.putMany(many));
    plane.take("a", 3);
    plane.take("b", 3);
    expect(value(await plane.clients.putMany(many))).toEqual(["unchanged", "changed"]);
    expect([plane.take("a", 9), plane.take("b", 9)]).toEqual([2, 5]);
  });

  run("what cannot be is refused, and the others done", async () => {
    await restart({ maxClients: 2 });
    const refused = (field: string, message: string) => ({ refused: [{ field, message }] });
    const outcomes = value(
      await plane.clients.putMany([
        { client_id: "a", capacity: 5, ...slow, current_tokens: 6 },
        { client_id: "b", capacity: 5, ...slow },
        { client_id: "c", capacity: 5, ...slow },
        { client_id: "d", capacity: 5, ...slow },
      ]),
    );
    expect(outcomes).toEqual([
      refused("current_tokens", "must be at most the capacity, 5"),
      "created",
      "created",
      refused("client_id", "cannot be added: the gateway holds as many clients as it can"),
    ]);
    expect(value(await plane.clients.list({ limit: 9, after: null })).clients).toHaveLength(2);
  });

  run("the version grows with each, so a flush of the old bucket does not undo it", async () => {
    value(await plane.clients.putMany([{ client_id: "a", capacity: 5, ...slow }]));
    const [before] = await plane.store.clients.find(["a"]);
    value(await plane.clients.putMany([{ client_id: "a", capacity: 50, ...slow }]));
    const { version, tokensVersion } = before!;
    const stale = { clientIds: ["a"], versions: [version], tokens: [0], at: Date.now() };
    await plane.store.clients.saveBuckets(stale);
    const [after] = await plane.store.clients.find(["a"]);
    expect(after!.version).toBeGreaterThan(version);
    expect(after).toMatchObject({ capacity: 50, tokens: 50, tokensVersion });
  });

  run("at the same time as single changes, each client ends as one of them said", async () => {
    const ids = Array.from({ length: 50 }, (_, i) => `client-${i}`);
    const put = (capacity: number) =>
      plane.clients.putMany(ids.map((client_id) => ({ client_id, capacity, ...slow })));
    value(await put(1));
    const [many, again, ...single] = await Promise.all([
      put(2),
      put(3),
      ...ids.map((id) => plane.clients.update(id, { rate_per_sec: 0.002 })),
    ]);
    expect([many, again, ...single].every((result) => result.ok)).toBe(true);
    const rows = await plane.store.clients.find(ids);
    for (const row of rows) {
      const { capacity, rate_per_sec } = await plane.get(row.clientId);
      expect([row.capacity, row.ratePerSec]).toEqual([capacity, rate_per_sec]);
      expect(capacity).toBeOneOf([2, 3]);
    }
  });

  run("five thousand, stored and enforced, in seconds", async () => {
    for (let part = 0; part < 5; part++) {
      const many = Array.from({ length: 1000 }, (_, i) => {
        return { client_id: `client-${part * 1000 + i}`, capacity: 1 + i, ...slow };
      });
      const outcomes = value(await plane.clients.putMany(many));
      expect(new Set(outcomes)).toEqual(new Set(["created"]));
    }
    await restart();
    expect(plane.restored).toBe(5000);
    expect(plane.take("client-4002", 9)).toBe(3);
  });

  run("a reset bucket is full in the database too", async () => {
    await plane.clients.create({ client_id: "a", capacity: 5, ...slow, current_tokens: 1 });
    expect(value(await plane.clients.refill("a")).current_tokens).toBe(5);
    expect(await plane.clients.refill("b")).toEqual({ ok: false, reason: "not_found" });
    await restart();
    expect(plane.take("a", 9)).toBe(5);
  });

  // SQLite has one gateway a file, so there is no other one to follow.
  if (kind === "postgres") {
    run("another gateway on the database follows", async () => {
      const other = await ControlPlane.on(config);
      try {
        value(await plane.clients.putMany([{ client_id: "a", capacity: 5, ...slow }]));
        await eventually(() => other.take("a") === 1);
        value(await plane.clients.putMany([{ client_id: "a", capacity: 50, ...slow }]));
        await eventually(async () => (await other.get("a")).capacity === 50);
      } finally {
        await other.close();
      }
    });
  }
});
