// Databases that fail under load: no request notices, control writes say so, one line of the log as
// well, and afterwards everything is written. FAULT_SECONDS lengthens the outages.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXECUTABLE, Gateway } from "../support/gateway.ts";
import { HEALTH_PATH, startHelloBackends } from "../support/hello-backends.ts";
import { PostgresCluster, POSTGRES_START_MS, postgresMissing } from "../support/postgres.ts";
import { SteadyLoad } from "../support/steady-load.ts";

const OUTAGE_MS = Number(process.env["FAULT_SECONDS"] ?? 2) * 1_000;
const LIMIT = 800;
const env = { HEALTH_PATH, FLUSH_INTERVAL: "100ms", ACCESS_LOG: "off" };

const isDown = ({ component, message }: { component?: string; message: string }): boolean =>
  component === "persistence" && message.includes("is down");
const isBack = ({ component, message }: { component?: string; message: string }): boolean =>
  component === "persistence" && message.includes("is back");

const statusOf = async (gateway: Gateway, capacity: number): Promise<number> =>
  (await gateway.api("PATCH", "/clients/bound", { capacity })).status;

/** Load before, during and after the fault, on a bucket that will be empty by then. */
async function under(
  gateway: Gateway,
  fault: { begin(): unknown; end(): unknown },
): Promise<{ refused: number }> {
  await gateway.createClient({ client_id: "bound", capacity: LIMIT, rate_per_sec: 0.001 });
  const { port } = gateway;
  const load = new SteadyLoad({ port, path: "/?client_id=bound", connections: 8, pauseMs: 5 });
  await load.more(200);
  await fault.begin();
  await gateway.log(isDown);
  load.slowestMs = 0;
  const refused = await statusOf(gateway, LIMIT - 1);
  expect((await gateway.api("GET", "/-/ready")).status).toBe(200);
  await Bun.sleep(OUTAGE_MS);
  const slowest = load.slowestMs;
  await fault.end();
  await gateway.log(isBack);
  while ((await statusOf(gateway, LIMIT)) !== 200) await Bun.sleep(50);
  await load.more(2 * LIMIT);
  await load.stop();
  expect([...load.failures]).toEqual([]);
  expect(load.answered).toBe(load.with(200) + load.with(429));
  expect(load.with(200)).toBe(LIMIT);
  // No request waits for the database, not even for its timeout.
  expect(slowest).toBeLessThan(1_000);
  expect(gateway.lines.filter(isDown)).toHaveLength(1);
  return { refused };
}

describe.skipIf(postgresMissing !== null)("PostgreSQL under load", () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start();
  }, POSTGRES_START_MS);
  afterAll(() => cluster.remove());

  const killed = () => ({ begin: () => cluster.down(), end: () => cluster.up() });
  const frozen = () => {
    let thaw = (): void => {};
    const begin = (): void => {
      thaw = cluster.freeze();
    };
    return { begin, end: () => thaw() };
  };
  const faults: [string, () => { begin(): unknown; end(): unknown }][] = [
    ["is killed and comes back", killed],
    ["freezes: connections stay open and nothing answers", frozen],
  ];
  test.each(faults)(
    "%s",
    async (_, fault) => {
      const database = await cluster.createDatabase();
      await using backends = startHelloBackends(2);
      const settings = { ...env, DATABASE_URL: database };
      await using gateway = await Gateway.start({ backends: backends.urls, env: settings });
      const { refused } = await under(gateway, fault());
      expect(refused).toBe(503);
      expect(await gateway.stop()).toBe(0);
      await using next = await Gateway.start({ backends: backends.urls, env: settings });
      const answer = await next.api("GET", "/clients/bound");
      expect(((await answer.json()) as { current_tokens: number }).current_tokens).toBeLessThan(1);
    },
    60_000 + 2 * OUTAGE_MS,
  );
});

/** A file system of its own for one process, which the test reaches through /proc. */
const IN_SMALL_DISK = ["unshare", "-rm", "sh", "-c"];
const smallDisk =
  Bun.which("unshare") !== null &&
  Bun.spawnSync([...IN_SMALL_DISK, "mount -t tmpfs -o size=64k tmpfs /mnt"]).success;

describe.skipIf(!smallDisk)("SQLite under load", () => {
  test("on a disk that is full, until there is room", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gateway-disk-"));
    try {
      await using backends = startHelloBackends(2);
      await using gateway = await Gateway.start({
        command: [
          ...IN_SMALL_DISK,
          `mount -t tmpfs -o size=2m tmpfs ${folder} && exec ${EXECUTABLE}`,
        ],
        backends: backends.urls,
        env: { ...env, DATABASE_URL: `sqlite://${folder}/gateway.db` },
      });
      const filler = `/proc/${gateway.process.pid}/root${folder}/filler`;
      const { refused } = await under(gateway, {
        // Until not a single page is left.
        begin: () => {
          for (const size of [1 << 20, 1 << 16, 1 << 12]) {
            try {
              for (let i = 0; ; i++) writeFileSync(`${filler}-${size}-${i}`, Buffer.alloc(size));
            } catch {
              // Full.
            }
          }
        },
        end: () => {
          const glob = new Bun.Glob("filler-*");
          const disk = `/proc/${gateway.process.pid}/root${folder}`;
          for (const name of glob.scanSync({ cwd: disk })) rmSync(join(disk, name));
        },
      });
      expect(refused).toBe(503);
      expect(await gateway.stop()).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});
