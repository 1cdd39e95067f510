// What becomes of requests and buckets when a part of the gateway, all of it, or its idea of the time
// fails under load.

import { expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Gateway } from "../support/gateway.ts";
import { HEALTH_PATH, startHelloBackends } from "../support/hello-backends.ts";
import { SteadyLoad } from "../support/steady-load.ts";

const fromSource = (script: string): string[] => [
  "bun",
  join(import.meta.dir, "..", "support", script),
];

async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "gateway-faults-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function tokensOf(gateway: Gateway, id: string): Promise<number> {
  const answer = await gateway.api("GET", `/clients/${id}`);
  return ((await answer.json()) as { current_tokens: number }).current_tokens;
}

test("a worker that is killed takes its own connections with it, and no token too many is given", async () => {
  await using backends = startHelloBackends(2);
  await using gateway = await Gateway.start({
    command: fromSource("mortal-gateway.ts"),
    backends: backends.urls,
    env: { HEALTH_PATH, WORKERS: "2", ACCESS_LOG: "off" },
  });
  await gateway.createClient({ client_id: "bound", capacity: 3000, rate_per_sec: 0.001 });
  const load = new SteadyLoad({ port: gateway.port, path: "/?client_id=bound", connections: 16 });
  for (let deaths = 0; deaths < 2; deaths++) {
    await load.more(300);
    const line = gateway.lines.length;
    gateway.process.kill("SIGUSR2");
    await gateway.log(({ message }) => message === "worker died, replacing it", line);
    while ((await metric(gateway, "gateway_workers_ready")) !== 2) await Bun.sleep(10);
  }
  await load.more(3000);
  await load.stop();
  // One request a connection can have been under way each time.
  expect(load.failed).toBeLessThanOrEqual(2 * 16);
  expect(load.answered).toBe(load.with(200) + load.with(429));
  // Whoever was cut off may have been admitted before: its token is gone with it.
  expect(load.with(200)).toBeLessThanOrEqual(3000);
  expect(load.with(200)).toBeGreaterThanOrEqual(3000 - load.failed);
  expect(backends.served.length).toBeLessThanOrEqual(3000 + load.failed);
});

test("kill -9 under load: the next start has all but the last flush interval's consumption", async () => {
  await using folder = await temporaryFolder();
  await using backends = startHelloBackends(2);
  const INTERVAL_MS = 100;
  const options = {
    backends: backends.urls,
    cwd: folder.path,
    env: { HEALTH_PATH, FLUSH_INTERVAL: `${INTERVAL_MS}ms`, ACCESS_LOG: "off" },
  };
  const admittedAt: number[] = [];
  let before: number;
  {
    await using gateway = await Gateway.start(options);
    await gateway.createClient({ client_id: "bound", capacity: 1e6, rate_per_sec: 0.001 });
    const { port } = gateway;
    const load = new SteadyLoad({ port, path: "/?client_id=bound", connections: 8 }, (answer) => {
      admittedAt.push(performance.now());
      return answer.status === 200;
    });
    await load.more(2000);
    await gateway.kill();
    before = performance.now();
    await load.stop();
    expect(load.wrong).toEqual([]);
  }
  await using gateway = await Gateway.start(options);
  const forgotten = admittedAt.length - (1e6 - (await tokensOf(gateway, "bound")));
  // A flush takes its time too; the machine is shared by others.
  const lately = admittedAt.filter((at) => at > before - 3 * INTERVAL_MS).length;
  expect(forgotten).toBeLessThanOrEqual(lately);
  expect(lately).toBeLessThan(admittedAt.length);
  // It decides on where that one ended.
  const load = new SteadyLoad({
    port: gateway.port,
    path: "/?client_id=bound",
    connections: 4,
    requests: 100,
  });
  await load.done;
  expect(load.with(200)).toBe(100);
});

test("kill -9 after very many clients changed at once: the next start knows every one of them", async () => {
  await using folder = await temporaryFolder();
  await using backends = startHelloBackends(1);
  const count = 2_500;
  const options = {
    backends: backends.urls,
    cwd: folder.path,
    // All of them within one interval, so that they are written together.
    env: { HEALTH_PATH, FLUSH_INTERVAL: "8s", ACCESS_LOG: "off" },
  };
  const ids = Array.from({ length: count }, (_, i) => `many-${i}`);
  const one = (client_id: string): string =>
    `${JSON.stringify({ client_id, capacity: 10, rate_per_sec: 0.001 })}\n`;
  {
    await using gateway = await Gateway.start(options);
    const body = ids.map(one).join("");
    const headers = { "content-type": "application/x-ndjson" };
    const put = await fetch(`${gateway.url}/clients`, { method: "PUT", headers, body });
    expect(put.status).toBe(200);
    for (let i = 0; i < count; i += 50) {
      const some = ids.slice(i, i + 50);
      await Promise.all(some.map((id) => fetch(`${gateway.url}/?client_id=${id}`)));
    }
    while ((await metric(gateway, "gateway_flushed_clients_total")) < count) await Bun.sleep(50);
    await gateway.kill();
  }
  const file = new Database(join(folder.path, "gateway.db"));
  const { entries } = file
    .query<{ entries: number }, []>("SELECT sum(entries) entries FROM bucket_journal")
    .get()!;
  file.close();
  expect(entries).toBeGreaterThan(2_000);
  await using gateway = await Gateway.start(options);
  for (let i = 0; i < count; i += 50) {
    for (const tokens of await Promise.all(
      ids.slice(i, i + 50).map((id) => tokensOf(gateway, id)),
    )) {
      expect(tokens).toBeCloseTo(9, 0);
    }
  }
}, 30_000);

test("a wall clock that is stepped moves no bucket, and no request notices", async () => {
  await using folder = await temporaryFolder();
  await using backends = startHelloBackends(1);
  const options = {
    backends: backends.urls,
    cwd: folder.path,
    env: { HEALTH_PATH, FLUSH_INTERVAL: "50ms", ACCESS_LOG: "off", HEALTH_INTERVAL: "50ms" },
  };
  {
    await using gateway = await Gateway.start({
      ...options,
      command: fromSource("clock-gateway.ts"),
    });
    // Two hours would refill it all.
    await gateway.createClient({ client_id: "bound", capacity: 600, rate_per_sec: 0.1 });
    const started = performance.now();
    const load = new SteadyLoad({ port: gateway.port, path: "/?client_id=bound", connections: 4 });
    for (let step = 0; step < 3; step++) {
      await load.more(300);
      gateway.process.kill("SIGUSR2");
      await flushed(gateway);
    }
    await load.more(300);
    await load.stop();
    const refilled = Math.ceil((performance.now() - started) / 10_000);
    expect([...load.failures]).toEqual([]);
    expect(load.answered).toBe(load.with(200) + load.with(429));
    expect(load.with(200)).toBeGreaterThanOrEqual(600);
    expect(load.with(200)).toBeLessThanOrEqual(600 + refilled);
    expect(await gateway.stop()).toBe(0);
  }
  // What was written under a wrong clock was written anew under the right one.
  await using gateway = await Gateway.start(options);
  expect(await tokensOf(gateway, "bound")).toBeLessThan(5);
});

async function metric(gateway: Gateway, name: string): Promise<number> {
  const text = await (await gateway.api("GET", "/-/metrics")).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  if (!line) throw new Error(`no metric ${name}`);
  return Number(line.slice(name.length + 1));
}

/** Resolves when a flush has written what there was. */
async function flushed(gateway: Gateway): Promise<void> {
  const written = () => metric(gateway, "gateway_flushed_clients_total");
  const before = await written();
  // A change that changes nothing is one more row to write.
  const answer = await gateway.api("PATCH", "/clients/bound", { rate_per_sec: 0.1 });
  expect(answer.status).toBe(200);
  while ((await written()) === before) await Bun.sleep(10);
}
