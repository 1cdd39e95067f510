// A worker thread that dies takes its own connections with it and nothing else.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { Gateway } from "../support/gateway.ts";
import { HEALTH_PATH, startHelloBackends } from "../support/hello-backends.ts";
import { RawClient } from "../data/http1/raw-client.ts";
import { runAb } from "../support/load.ts";

const MORTAL = ["bun", join(import.meta.dir, "..", "support", "mortal-gateway.ts")];

test("a worker that dies is logged and replaced, and its buckets are intact", async () => {
  await using backends = startHelloBackends(2);
  await using gateway = await Gateway.start({
    command: MORTAL,
    backends: backends.urls,
    env: { HEALTH_PATH, WORKERS: "2", ACCESS_LOG: "off" },
  });
  await gateway.createClient({ client_id: "survivor", capacity: 500, rate_per_sec: 0.001 });
  const url = `${gateway.url}/?client_id=survivor`;
  await runAb(url, { requests: 200, concurrency: 8 });

  gateway.process.kill("SIGUSR2");
  const death = await gateway.log((line) => line.message === "worker died, replacing it");
  expect(death).toMatchObject({ level: "error", worker: 0 });
  await until(async () => (await metric(gateway, "gateway_workers_ready")) === 2);
  expect(await metric(gateway, "gateway_worker_restarts_total")).toBe(1);

  // What the dead one had admitted stays admitted: 300 of the 500 are left.
  const after = await runAb(url, { requests: 400, concurrency: 8 });
  expect(400 - after.non2xx).toBe(300);
  expect(backends.served.length).toBe(500);
  const shares = (await backendsOf(gateway)).map((backend) => backend.in_flight);
  expect(shares).toEqual([0, 0]);
});

test("the other workers go on answering while one dies, and every new connection is served", async () => {
  await using backends = startHelloBackends(2);
  await using gateway = await Gateway.start({
    command: MORTAL,
    backends: backends.urls,
    env: { HEALTH_PATH, WORKERS: "3", ACCESS_LOG: "off", ANONYMOUS_CAPACITY: "1000000" },
  });
  // A connection each, so that all three listeners take part.
  let cut = 0;
  const ask = async (): Promise<void> => {
    try {
      const answer = await fetch(gateway.url, { keepalive: false });
      expect(answer.status).toBe(200);
      await answer.text();
    } catch {
      cut++;
    }
  };
  const load = Promise.all(
    Array.from({ length: 20 }, async () => {
      for (let round = 0; round < 40; round++) await ask();
    }),
  );
  gateway.process.kill("SIGUSR2");
  await gateway.log((line) => line.message === "worker died, replacing it");
  await load;
  // Only what the dead thread held: at most the connections that were open at that moment.
  expect(cut).toBeLessThanOrEqual(20);
  cut = 0;
  await Promise.all(Array.from({ length: 30 }, ask));
  expect(cut).toBe(0);
});

test.each([
  ["throws", "SIGUSR1"],
  ["is terminated", "SIGUSR2"],
] as const)("what a worker that %s held is closed: nobody waits for it", async (_, signal) => {
  await using backends = startHelloBackends(1);
  await using gateway = await Gateway.start({
    command: MORTAL,
    backends: backends.urls,
    env: { HEALTH_PATH, WORKERS: "1", ACCESS_LOG: "off" },
  });
  const idle = await RawClient.open(gateway.port);
  idle.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  await idle.contains("<h1>");
  gateway.process.kill(signal);
  await idle.all();
  await gateway.log((line) => line.message === "worker died, replacing it");
  idle.close();
});

async function metric(gateway: Gateway, name: string): Promise<number> {
  const text = await (await gateway.api("GET", "/-/metrics")).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  if (!line) throw new Error(`no metric ${name}`);
  return Number(line.slice(name.length + 1));
}

async function backendsOf(gateway: Gateway): Promise<{ in_flight: number }[]> {
  const answer = await gateway.api("GET", "/-/backends");
  return ((await answer.json()) as { backends: { in_flight: number }[] }).backends;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await Bun.sleep(10);
}
