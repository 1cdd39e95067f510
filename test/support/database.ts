// The two databases of the gateway for tests, so that one suite runs over both, and a control plane
// on top of one: store, tables and service as the main thread wires them, with a wall clock that a
// test can step.

import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import type { DatabaseConfig } from "../../src/config.ts";
import { ClientsService } from "../../src/control/clients/service.ts";
import { openStore, type Store } from "../../src/control/db/store.ts";
import { ClientTable } from "../../src/shared/client-table.ts";
import type { Client, ClientsResult } from "../../src/shared/clients.ts";
import { mainClock } from "../../src/shared/clock.ts";
import { ADMITTED, newTake } from "../../src/shared/gcra.ts";
import { createLogger, type Logger } from "../../src/shared/log.ts";
import { postgresMissing, sharedCluster } from "./postgres.ts";

export interface Dialect {
  readonly kind: DatabaseConfig["kind"];
  /** Why its tests are skipped; null when they run. */
  readonly missing: string | null;
  /** Call in `beforeAll(…, POSTGRES_START_MS)`. */
  prepare(): Promise<unknown>;
  /** An empty database of its own. */
  create(): Promise<DatabaseConfig>;
}

const folders: string[] = [];

export const dialects: readonly Dialect[] = [
  {
    kind: "sqlite",
    missing: null,
    prepare: () => Promise.resolve(),
    create: async () => ({ kind: "sqlite", path: join(temporaryFolder(), "gateway.db") }),
  },
  {
    kind: "postgres",
    missing: postgresMissing,
    prepare: () => (postgresMissing === null ? sharedCluster() : Promise.resolve()),
    create: async () => ({ kind: "postgres", url: await (await sharedCluster()).createDatabase() }),
  },
];

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "gateway-database-"));
  folders.push(folder);
  return folder;
}

/** Call in `afterAll`. */
export function removeTemporaryFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** A logger that keeps its lines. */
export function recordingLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const writer = { write: (text: string) => void lines.push(text.trimEnd()) };
  const log = createLogger({ level: "debug", format: "text", component: "test", writer });
  return { log, lines };
}

interface ControlPlaneOptions {
  readonly maxClients?: number;
  readonly wallOffset?: number;
  readonly heartbeatMs?: number;
  /** Hears nothing of what others change. */
  readonly deaf?: boolean;
}

/** A control plane on a database. */
export class ControlPlane {
  /** Milliseconds that the wall clock is ahead of the real one. */
  wallOffset = 0;
  readonly #take = newTake();

  private constructor(
    readonly store: Store,
    readonly table: ClientTable,
    readonly clients: ClientsService,
    readonly log: Logger,
    readonly lines: string[],
    readonly restored: number,
    private readonly config: DatabaseConfig,
  ) {}

  static async on(
    config: DatabaseConfig,
    options: ControlPlaneOptions = {},
  ): Promise<ControlPlane> {
    const { log, lines } = recordingLog();
    const { heartbeatMs } = options;
    const opened = await openStore(config, { log, ...(heartbeatMs ? { heartbeatMs } : {}) });
    const store = options.deaf ? { ...opened, changes: null } : opened;
    const memory = ClientTable.reserve({ maxClients: options.maxClients ?? 200_000 });
    const table = new ClientTable(memory);
    let plane: ControlPlane | null = null;
    const clients = new ClientsService({
      store,
      table,
      memory,
      log,
      clock: mainClock(),
      wallClock: () => Date.now() + (plane?.wallOffset ?? options.wallOffset ?? 0),
    });
    const restored = await clients.start();
    plane = new ControlPlane(store, table, clients, log, lines, restored, config);
    plane.wallOffset = options.wallOffset ?? 0;
    return plane;
  }

  /** Of a control plane on PostgreSQL. */
  get databaseUrl(): string {
    if (this.config.kind !== "postgres") throw new Error("not PostgreSQL");
    return this.config.url;
  }

  /** Takes tokens as a worker does; how many were admitted. */
  take(clientId: string, count = 1): number {
    let admitted = 0;
    for (let i = 0; i < count; i++) {
      const slot = this.table.find(clientId);
      if (slot >= 0 && this.table.take(slot, mainClock()(), this.#take) === ADMITTED) admitted++;
    }
    return admitted;
  }

  /** The live client; fails the test when there is none. */
  async get(clientId: string): Promise<Client> {
    return value(await this.clients.get(clientId));
  }

  async close(): Promise<void> {
    await this.clients.stop();
    await this.store.close();
  }
}

/** The value of a result that must be one. */
export function value<T>(result: ClientsResult<T>): T {
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result)}`);
  return result.value;
}

/** Adds `count` clients `client-0`, `client-1`, … with full buckets, as an older run would have. */
export async function seed(
  config: DatabaseConfig,
  count: number,
  { capacity, ratePerSec } = { capacity: 10, ratePerSec: 0.001 },
): Promise<void> {
  const columns = `${capacity}, ${ratePerSec}, ${capacity}, 0, 1, 1, 0, 0`;
  if (config.kind === "sqlite") {
    const client = new Database(config.path);
    client.run(
      `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
       INSERT INTO clients (client_id, capacity, rate_per_sec, tokens, tokens_at, version,
         tokens_version, created_at, updated_at)
       SELECT 'client-' || i, ${columns} FROM n`,
      [count],
    );
    client.close();
  } else {
    const client = new SQL({ url: config.url, max: 1 });
    await client`INSERT INTO clients SELECT 'client-' || i, ${client.unsafe(columns)}
      FROM generate_series(0, ${count - 1}::int) AS i`;
    await client.close();
  }
}

/** A row as only somebody else writes it, with its columns' values in SQL. */
export async function writeByHand(config: DatabaseConfig, values: string): Promise<void> {
  const sql = `INSERT INTO clients (client_id, capacity, rate_per_sec, tokens, tokens_at, version,
    tokens_version, created_at, updated_at) VALUES (${values})`;
  if (config.kind === "sqlite") {
    const client = new Database(config.path);
    client.run(sql);
    client.close();
  } else {
    const client = new SQL({ url: config.url, max: 1 });
    await client.unsafe(sql);
    await client.close();
  }
}

/** Waits until something holds; fails after `timeoutMs`. For what no event announces. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`not within ${timeoutMs} ms: ${condition.toString()}`);
    await Bun.sleep(5);
  }
}
