// The two databases of the gateway for tests, so that one suite runs over both, and a control plane
// on top of one: store, tables and service as the main thread wires them, with a wall clock that a
// test can step.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  /** An empty database of its own. */
  create(): Promise<DatabaseConfig>;
}

const folders: string[] = [];

export const dialects: readonly Dialect[] = [
  {
    kind: "sqlite",
    missing: null,
    create: async () => ({ kind: "sqlite", path: join(temporaryFolder(), "gateway.db") }),
  },
  {
    kind: "postgres",
    missing: postgresMissing,
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
  ) {}

  static async on(
    config: DatabaseConfig,
    options: { maxClients?: number; wallOffset?: number; heartbeatMs?: number } = {},
  ): Promise<ControlPlane> {
    const { log, lines } = recordingLog();
    const { heartbeatMs } = options;
    const store = await openStore(config, { log, ...(heartbeatMs ? { heartbeatMs } : {}) });
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
    plane = new ControlPlane(store, table, clients, log, lines, restored);
    plane.wallOffset = options.wallOffset ?? 0;
    return plane;
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

/** Waits until something holds; fails after `timeoutMs`. For what no event announces. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition}`);
    await Bun.sleep(5);
  }
}
