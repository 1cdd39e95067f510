// Few buckets in rows, many in the journal: whichever it was, and wherever the gateway was cut off,
// the next start finds the newest state that was written, and never that of another definition.

import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { SqliteClients } from "../../src/control/clients/repository-sqlite.ts";
import { openStore, type Store } from "../../src/control/db/store.ts";
import { type FlushReport, Persistence } from "../../src/control/persistence.ts";
import { LIMITS, StoredBuckets } from "../../src/control/stored-buckets.ts";
import { attempt } from "../../src/control/db/unavailable.ts";
import { SlotSet } from "../../src/control/clients/slot-set.ts";
import {
  ControlPlane,
  recordingLog,
  removeTemporaryFolders,
  seed,
  temporaryFolder,
} from "../support/database.ts";

afterAll(removeTemporaryFolders);

/** So that a handful of clients is many, and getting rid of old rows takes several flushes. */
const SMALL = { ...LIMITS, mostRows: 4, spareRows: 4, pack: 3, smallJournal: 20, haste: 0.2 };
const MANY = 8;
const slow = { rate_per_sec: 0.000_001 };
const ids = Array.from({ length: MANY }, (_, i) => `client-${i}`);
const few = ids.slice(2, 4);

const newPath = (): string => join(temporaryFolder(), "gateway.db");

/** One gateway after the other on one file. */
class Life {
  #plane: ControlPlane | null = null;
  #buckets: StoredBuckets | null = null;

  constructor(public path = newPath()) {}

  get plane(): ControlPlane {
    return this.#plane!;
  }

  async start(wallOffset = 0): Promise<this> {
    const config = { kind: "sqlite", path: this.path } as const;
    this.#plane = await ControlPlane.on(config, { wallOffset, maxClients: 100 });
    this.#buckets = new StoredBuckets(this.plane.store.clients, this.plane.clients.registry, SMALL);
    return this;
  }

  /** Ends in order. */
  async end(): Promise<void> {
    await this.#plane?.close();
    this.#plane = null;
  }

  /** What a kill -9 at this moment would leave, in another place. */
  crashed(): Life {
    const copy = newPath();
    for (const end of ["", "-wal"]) {
      if (existsSync(this.path + end)) copyFileSync(this.path + end, copy + end);
    }
    return new Life(copy);
  }

  async create(capacity = 100, which: readonly string[] = ids): Promise<void> {
    for (const client_id of which)
      await this.plane.clients.create({ client_id, capacity, ...slow });
  }

  take(count: number, which: readonly string[] = ids): void {
    for (const id of which) this.plane.take(id, count);
  }

  /** The interval is over. Tidies up, unless it is the last flush. */
  async flush({ tidy = true } = {}): Promise<void> {
    const slots = new SlotSet();
    this.plane.clients.registry.drainDirty((slot) => slots.add(slot));
    const written = await this.#buckets!.write(slots);
    if (tidy) await this.#buckets!.keepTidy(written);
  }

  /** The wall clock is moved, milliseconds. */
  step(by: number): void {
    this.plane.wallOffset += by;
  }

  get entries(): number {
    return this.plane.store.clients.journal!.entries;
  }

  tokens(which: readonly string[] = ids): number[] {
    return which.map((id) => {
      const { registry } = this.plane.clients;
      return Math.round(registry.client(id)?.current_tokens ?? -1);
    });
  }
}

/** What a start finds after a kill at this moment. */
async function found(life: Life, wallOffset = 0): Promise<number[]> {
  const next = await life.crashed().start(wallOffset);
  const tokens = next.tokens();
  await next.end();
  return tokens;
}

const all = (tokens: number): number[] => ids.map(() => tokens);

describe("buckets in rows and in the journal", () => {
  let life: Life;

  beforeEach(async () => {
    life = await new Life().start();
    await life.create();
  });
  afterEach(() => life.end());

  const rowTokens = async (): Promise<number[]> => {
    const rows = new Map(
      (await life.plane.store.clients.find(ids)).map((row) => [row.clientId, row.tokens]),
    );
    return ids.map((id) => Math.round(rows.get(id)!));
  };

  test("many go to the journal, and a start finds them there", async () => {
    life.take(30);
    await life.flush();
    expect(life.entries).toBe(MANY);
    expect(await rowTokens()).toEqual(all(100));
    expect(await found(life)).toEqual(all(70));
    // After an end in order as well.
    await life.end();
    await life.start();
    expect(life.tokens()).toEqual(all(70));
  });

  test("few go to the rows", async () => {
    life.take(30, few);
    await life.flush();
    expect(life.entries).toBe(0);
    expect(await rowTokens()).toEqual([100, 100, 70, 70, 100, 100, 100, 100]);
  });

  test("of what was written often, the last counts: the journal's, the row's, the journal's", async () => {
    for (const _ of "many") {
      life.take(1);
      await life.flush({ tidy: false });
    }
    expect(await found(life)).toEqual(all(96));
    life.take(10, few);
    await life.flush({ tidy: false });
    expect(await found(life)).toEqual([96, 96, 86, 86, 96, 96, 96, 96]);
    life.take(6);
    await life.flush({ tidy: false });
    expect(await found(life)).toEqual([90, 90, 80, 80, 90, 90, 90, 90]);
  });

  test("the last counts whatever the wall clock did meanwhile", async () => {
    life.take(10, few);
    await life.flush({ tidy: false });
    life.step(-3_600_000);
    life.take(10);
    await life.flush({ tidy: false });
    expect(await found(life, -3_600_000)).toEqual([90, 90, 80, 80, 90, 90, 90, 90]);
    life.step(-3_600_000);
    life.take(10, few);
    await life.flush({ tidy: false });
    expect(await found(life, -7_200_000)).toEqual([90, 90, 70, 70, 90, 90, 90, 90]);
    expect(life.entries).toBe(MANY);
  });

  test("what the journal holds refills for the time since it was written", async () => {
    const [id] = ids;
    await life.plane.clients.update(id!, { rate_per_sec: 1 });
    life.take(90);
    await life.flush();
    const [refilled, ...others] = await found(life, 30_000);
    expect(refilled).toBeGreaterThanOrEqual(40);
    expect(refilled).toBeLessThan(50);
    expect(others).toEqual(all(10).slice(1));
  });

  test("a client that was changed, removed or created again never gets an older bucket", async () => {
    const [changed, removed, again, full] = ids as [string, string, string, string];
    const { clients } = life.plane;
    life.take(60);
    await life.flush({ tidy: false });
    await clients.update(changed, { current_tokens: 5 });
    await clients.remove(removed);
    await clients.remove(again);
    await life.create(50, [again]);
    await clients.refill(full);
    expect(await found(life)).toEqual([5, -1, 50, 100, 40, 40, 40, 40]);
  });

  test("nor a changed one whose change the gateway did not see succeed when it wrote", async () => {
    const [changed] = ids as [string];
    const { clients } = life.plane.store;
    const [row] = await clients.find([changed]);
    const definition = { capacity: 100, ratePerSec: 1e-6, tokens: 5, tokensSet: true };
    await clients.update(changed, row!.version, { ...definition, at: Date.now() });
    life.take(60);
    await life.flush({ tidy: false });
    expect(await found(life)).toEqual([5, ...all(40).slice(1)]);
  });

  test("nor one created again after a restart, with the version of the one removed", async () => {
    // The newest version of all; with it gone, a start counts on from the one before.
    const last = ids.at(-1)!;
    life.take(60);
    await life.flush({ tidy: false });
    const [before] = await life.plane.store.clients.find([last]);
    await life.plane.clients.remove(last);
    await life.end();
    await life.start();
    await life.create(100, [last]);
    const [after] = await life.plane.store.clients.find([last]);
    expect(after!.version).toBe(before!.version);
    expect(await found(life)).toEqual([...all(40).slice(1), 100]);
  });

  test("nor does an id or a place in the table that others have now lead to them", async () => {
    life.take(60);
    await life.flush({ tidy: false });
    // They take the places of those that were written.
    for (const id of few) await life.plane.clients.remove(id);
    await life.create(100, ["a", "client-1a", "z"]);
    const next = await life.crashed().start();
    expect(next.tokens(["a", "client-1a", "z"])).toEqual([100, 100, 100]);
    expect(next.tokens()).toEqual([40, 40, -1, -1, 40, 40, 40, 40]);
    await next.end();
  });

  test("the journal stays small however often many change, and is right all the time", async () => {
    let most = 0;
    for (let taken = 1; taken <= 40; taken++) {
      life.take(1);
      await life.flush();
      most = Math.max(most, life.entries);
      expect(await found(life)).toEqual(all(100 - taken));
    }
    expect(life.plane.store.clients.journal!.newest).toBeGreaterThanOrEqual(40 * 3);
    expect(most).toBeLessThanOrEqual(SMALL.smallJournal + MANY);
  });

  test("clients that no longer change are written again before their rows of the journal go", async () => {
    life.take(60);
    await life.flush();
    for (let taken = 1; taken <= 30; taken++) {
      life.take(1, ids.slice(0, 5));
      await life.flush();
      expect(await found(life)).toEqual([...all(40 - taken).slice(3), 40, 40, 40]);
    }
    expect(life.entries).toBeLessThan(60);
  });

  test("with time to spare, the journal moves into the rows and is gone", async () => {
    life.take(60);
    await life.flush();
    life.take(1, few);
    while (life.entries > 0) {
      expect((await found(life)).slice(4)).toEqual(all(40).slice(4));
      await life.flush();
    }
    expect(await rowTokens()).toEqual([40, 40, 39, 39, 40, 40, 40, 40]);
    // Later ones count more than these rows, although the journal began anew.
    await life.end();
    await life.start();
    life.take(9);
    await life.flush();
    expect(life.entries).toBe(MANY);
    expect(await found(life)).toEqual([31, 31, 30, 30, 31, 31, 31, 31]);
  });

  test("a start goes on with the journal of the one before", async () => {
    life.take(60);
    await life.flush();
    await life.end();
    await life.start();
    expect(life.entries).toBe(MANY);
    while (life.entries > 0) await life.flush();
    expect(await rowTokens()).toEqual(all(40));
  });

  test("a damaged row of the journal is passed over, and the log says so", async () => {
    life.take(10);
    await life.flush({ tidy: false });
    life.take(20);
    await life.flush({ tidy: false });
    await life.end();
    const file = new Database(life.path);
    // The newest three clients; and something that was never ours.
    file.run("UPDATE bucket_journal SET packed = substr(packed, 1, 40) WHERE id = 6");
    file.run("INSERT INTO bucket_journal (at, entries, packed) VALUES (0, 1, 'no bytes')");
    file.close();
    await life.start();
    expect(life.tokens()).toEqual([70, 70, 70, 70, 70, 70, 90, 90]);
    const warnings = life.plane.lines.filter((line) => line.includes("damaged row"));
    expect(warnings).toHaveLength(2);
    expect(warnings.join()).toContain("id=6");
  });

  test("a takeover knows what was written since it opened the file", async () => {
    life.take(10);
    await life.flush({ tidy: false });
    const { log } = recordingLog();
    const config = { kind: "sqlite", path: life.path } as const;
    const successor = await openStore(config, { log, locked: false });
    life.take(10);
    await life.flush({ tidy: false });
    await life.create(1, ["newest"]);
    life.plane.store.unlock();
    successor.lock();
    const ownVersion = (await life.plane.store.clients.find(["newest"]))[0]!.version;
    // As a start does.
    const seen: number[] = [];
    await successor.clients.page(null, 100);
    await successor.clients.journal!.read(({ id }) => seen.push(id));
    expect(seen).toEqual([6, 5, 4, 3, 2, 1]);
    expect(successor.clients.journal!.entries).toBe(2 * MANY);
    const definition = { capacity: 1, ratePerSec: 1, tokens: 1, tokensSet: true, at: Date.now() };
    const changed = await successor.clients.update("newest", ownVersion, definition);
    expect(changed).toMatchObject({ version: ownVersion + 1, journalSeen: 6 });
    await successor.close();
  });
});

test("written at random, found as written directly", async () => {
  const some = fc.subarray(ids, { minLength: 1 });
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 30 }), of: some }) },
    { weight: 4, arbitrary: fc.record({ flush: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ change: some, to: fc.integer({ min: 0, max: 90 }) }) },
    { weight: 1, arbitrary: fc.record({ recreate: some }) },
    { weight: 1, arbitrary: fc.record({ restart: fc.constantFrom("end", "crash") }) },
    { weight: 1, arbitrary: fc.record({ step: fc.integer({ min: -5e6, max: 5e6 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      let life = await new Life().start();
      await life.create();
      // What the file should hold.
      const stored = new Map(ids.map((id) => [id, 100]));
      for (const next of steps) {
        if ("take" in next) life.take(next.take, next.of);
        else if ("flush" in next) {
          await life.flush({ tidy: next.flush });
          life.tokens().forEach((tokens, i) => stored.set(ids[i]!, tokens));
        } else if ("change" in next) {
          for (const id of next.change) {
            await life.plane.clients.update(id, { current_tokens: next.to });
            stored.set(id, next.to);
          }
        } else if ("recreate" in next) {
          for (const id of next.recreate) {
            await life.plane.clients.remove(id);
            await life.create(100, [id]);
            stored.set(id, 100);
          }
        } else if ("step" in next) life.step(next.step);
        else {
          const { wallOffset } = life.plane;
          const left = next.restart === "crash" ? life.crashed() : life;
          await life.end();
          life = await left.start(wallOffset);
          expect(life.tokens()).toEqual([...stored.values()]);
        }
      }
      expect(await found(life, life.plane.wallOffset)).toEqual([...stored.values()]);
      await life.end();
    }),
    { numRuns: 60 },
  );
}, 60_000);

describe("the flush of a gateway with many clients", () => {
  const count = LIMITS.spareRows + 500;
  const planes: ControlPlane[] = [];
  let path: string;

  const start = async (at: string): Promise<ControlPlane> => {
    const plane = await ControlPlane.on({ kind: "sqlite", path: at }, { maxClients: count });
    planes.push(plane);
    return plane;
  };
  const flushOf = (plane: ControlPlane, store: Store = plane.store) => {
    const reports: FlushReport[] = [];
    const onFlush = (report: FlushReport): void => void reports.push(report);
    const { registry } = plane.clients;
    const options = { store, registry, intervalMs: 10_000, log: plane.log, onFlush };
    return { persistence: new Persistence(options), reports };
  };

  beforeEach(async () => {
    path = newPath();
    const config = { kind: "sqlite", path } as const;
    await (await openStore(config, { log: recordingLog().log })).close();
    await seed(config, count);
  });
  afterEach(async () => {
    for (const plane of planes.splice(0)) await plane.close();
  });

  test("all are found after a kill, and the journal is gone when they rest", async () => {
    const plane = await start(path);
    const { persistence, reports } = flushOf(plane);
    for (let i = 0; i < count; i++) plane.take(`client-${i}`, 4);
    await persistence.flush();
    expect(reports.at(-1)).toMatchObject({ written: count, pending: 0, up: true });
    const { journal } = plane.store.clients;
    expect(journal!.entries).toBe(count);
    const after = await start(new Life(path).crashed().path);
    for (let i = 0; i < count; i++) {
      expect((await after.get(`client-${i}`)).current_tokens).toBeCloseTo(6, 1);
    }
    while (journal!.entries > 0) await persistence.flush();
    expect(reports).toHaveLength(3);
    expect(reports.at(-1)).toMatchObject({ written: 0, pending: 0 });
    const [row] = await plane.store.clients.find(["client-77"]);
    expect(row!.tokens).toBeCloseTo(6, 1);
  });

  test("a full disk loses nothing: what could not be written is written later", async () => {
    const plane = await start(path);
    const client = new Database(path);
    const store = { ...plane.store, clients: new SqliteClients(client, attempt) };
    const { persistence, reports } = flushOf(plane, store);
    for (let i = 0; i < count; i++) plane.take(`client-${i}`, 4);
    client.run("PRAGMA max_page_count = 1");
    await persistence.flush();
    expect(reports.at(-1)).toMatchObject({ written: 0, pending: count, up: false });
    client.run("PRAGMA max_page_count = 1000000");
    plane.take("client-3", 2);
    await persistence.flush();
    expect(reports.at(-1)).toMatchObject({ written: count, pending: 0, up: true });
    const after = await start(new Life(path).crashed().path);
    expect((await after.get("client-3")).current_tokens).toBeCloseTo(4, 1);
    expect((await after.get("client-4")).current_tokens).toBeCloseTo(6, 1);
    client.close();
  });
});
