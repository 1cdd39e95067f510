// The whole gateway, several workers: backends that come and go under load, and backends that fail
// in ways that health checks do not see.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { type Behaviour, OK, rawBackend } from "../support/backend.ts";
import { Gateway, type GatewayOptions } from "../support/gateway.ts";
import { type Handler, HEALTH_PATH, startHelloBackends } from "../support/hello-backends.ts";

const SOURCE = ["bun", join(import.meta.dir, "..", "..", "src", "cli.ts")];

function start(options: GatewayOptions): Promise<Gateway> {
  const env = {
    HEALTH_PATH,
    HEALTH_INTERVAL: "50ms",
    WORKERS: "3",
    ACCESS_LOG: "off",
    ANONYMOUS_CAPACITY: "1000000",
    ...options.env,
  };
  return Gateway.start({ command: SOURCE, ...options, env });
}

interface Shown {
  readonly id: string;
  readonly url: string;
  readonly open: boolean;
  readonly in_flight: number;
  readonly ejected_until: string | null;
}

async function shown(gateway: Gateway): Promise<Shown[]> {
  const answer = (await (await gateway.api("GET", "/-/backends")).json()) as { backends: Shown[] };
  return answer.backends;
}

/** New connections all the time, so that every worker takes part. Counts what came back. */
function keepAsking(url: string, clients = 8) {
  const statuses = new Map<number, number>();
  const stop = new AbortController();
  const asking = Promise.all(
    Array.from({ length: clients }, async () => {
      while (!stop.signal.aborted) {
        const answer = await fetch(url, { keepalive: false }).catch(() => null);
        await answer?.text();
        const status = answer?.status ?? 0;
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    }),
  );
  return {
    async stop(): Promise<Record<number, number>> {
      stop.abort();
      await asking;
      return Object.fromEntries(statuses);
    },
  };
}

/** Waits until `names` have all been served since now, by requests that go on meanwhile. */
async function served(backends: { served: string[] }, names: readonly string[]): Promise<void> {
  backends.served.length = 0;
  while (!names.every((name) => backends.served.includes(name))) await Bun.sleep(2);
}

test("under load a backend is added, drained and removed: each acts at once, no request fails", async () => {
  await using backends = startHelloBackends(3);
  await using gateway = await start({ backends: backends.urls.slice(0, 2) });
  const load = keepAsking(gateway.url);
  const added = await gateway.api("POST", "/-/backends", { url: backends.urls[2] });
  expect(added.status).toBe(201);
  const { id, open } = (await added.json()) as Shown;
  expect(open).toBe(true);
  await served(backends, ["backend-1", "backend-2", "backend-3"]);

  const drained = await gateway.api("PATCH", `/-/backends/${id}`, { draining: true });
  expect(drained.status).toBe(200);
  // What was sent before the answer may still be on its way.
  while ((await shown(gateway)).find((one) => one.id === id)!.in_flight > 0) await Bun.sleep(2);
  await served(backends, ["backend-1", "backend-2"]);
  expect(backends.served).not.toContain("backend-3");

  await gateway.api("PATCH", `/-/backends/${id}`, { draining: false });
  await served(backends, ["backend-3"]);
  const first = (await shown(gateway)).find((one) => one.url === backends.urls[0])!;
  expect((await gateway.api("DELETE", `/-/backends/${first.id}`)).status).toBe(204);
  await served(backends, ["backend-2", "backend-3"]);
  await served(backends, ["backend-2", "backend-3"]);
  expect(backends.served).not.toContain("backend-1");
  expect(Object.keys(await load.stop())).toEqual(["200"]);
  // The client may have the last byte before the worker has noted that it left.
  while ((await shown(gateway)).some((one) => one.in_flight > 0)) await Bun.sleep(5);
});

test("what failed before in its place is not said of a backend that replaces it", async () => {
  const hangUp: Behaviour = ({ target }, { socket, write }) =>
    target === HEALTH_PATH ? write(OK) : socket.terminate();
  using old = rawBackend(hangUp);
  using next = rawBackend(hangUp);
  await using gateway = await start({ backends: [old.url], env: { EJECT_AFTER: "0" } });
  const fail = async (): Promise<void> => {
    // Not sent a second time.
    const answer = await fetch(gateway.url, { method: "POST", body: "x" });
    expect([answer.status, await answer.text()]).toEqual([502, expect.any(String)]);
  };
  const failed = (url: string) =>
    gateway.log((line) => line.message === "upstream failed" && line["url"] === url);
  for (let i = 0; i < 3; i++) await fail();
  expect(await failed(old.url)).toMatchObject({ count: 1 });
  const [{ id } = { id: "" }] = await shown(gateway);
  expect((await gateway.api("DELETE", `/-/backends/${id}`)).status).toBe(204);
  expect((await gateway.api("POST", "/-/backends", { url: next.url })).status).toBe(201);
  await fail();
  expect(await failed(next.url)).toMatchObject({ count: 1 });
});

test("changes survive the end of the process, however it ends", async () => {
  await using backends = startHelloBackends(2);
  await using first = await start({ backends: backends.urls.slice(0, 1) });
  await first.api("POST", "/-/backends", { url: backends.urls[1], weight: 3, max_in_flight: 5 });
  const [seeded] = await shown(first);
  await first.api("DELETE", `/-/backends/${seeded!.id}`);
  await first.kill();
  await using second = await start({ backends: backends.urls.slice(0, 1), cwd: first.cwd });
  expect(await shown(second)).toMatchObject([
    { url: backends.urls[1], weight: 3, max_in_flight: 5 },
  ]);
});

test("a backend that hangs after accepting is ejected; others lose nothing but the few it had", async () => {
  const hang: Handler = (_, name) =>
    name === "backend-2" ? new Promise(() => {}) : new Response(name);
  await using backends = startHelloBackends(3, hang);
  await using gateway = await start({
    backends: backends.urls,
    env: { REQUEST_TIMEOUT: "300ms", EJECT_AFTER: "4", EJECT_TIME: "5m" },
  });
  const load = keepAsking(gateway.url);
  await gateway.log((line) => line.message === "backend is ejected");
  const statuses = await load.stop();
  expect(Object.keys(statuses)).toEqual(["200", "504"]);
  // Eight ask at once: each can have been caught once before, and once while, it was ejected.
  expect(statuses[504]).toBeLessThanOrEqual(16);
  const hanging = (await shown(gateway)).find((one) => one.url === backends.urls[1])!;
  expect(hanging).toMatchObject({ open: false, healthy: true });
  expect(hanging.ejected_until).toMatch(/^20/);
  for (let i = 0; i < 20; i++) expect((await fetch(gateway.url)).status).toBe(200);
});

test("a limit holds over all workers; beyond it the answer is 503 with Retry-After", async () => {
  const gate = Promise.withResolvers<void>();
  let most = 0;
  let now = 0;
  const wait: Handler = async () => {
    most = Math.max(most, ++now);
    await gate.promise;
    now--;
    return new Response("done");
  };
  await using backends = startHelloBackends(1, wait);
  await using gateway = await start({ backends: [`${backends.urls[0]};max_in_flight=5`] });
  const asked = Array.from({ length: 30 }, () => fetch(gateway.url, { keepalive: false }));
  const refused = await firstOf(asked, 25);
  gate.resolve();
  const statuses = (await Promise.all(asked)).map((answer) => answer.status);
  expect(refused.every((answer) => answer.headers.get("retry-after") === "1")).toBe(true);
  expect(statuses.filter((status) => status === 200)).toHaveLength(5);
  expect(statuses.filter((status) => status === 503)).toHaveLength(25);
  expect(most).toBe(5);
  expect((await fetch(gateway.url)).status).toBe(200);
});

/** The first `count` values, in the order in which they come. */
function firstOf<T>(promises: readonly Promise<T>[], count: number): Promise<T[]> {
  const { promise: all, resolve } = Promise.withResolvers<T[]>();
  const values: T[] = [];
  for (const promise of promises) {
    const add = (value: T) => {
      if (values.push(value) === count) resolve([...values]);
    };
    void promise.then(add);
  }
  return all;
}

test("the same client goes to the same backend from every worker", async () => {
  await using backends = startHelloBackends(3);
  await using gateway = await start({
    backends: backends.urls,
    env: { BALANCER: "consistent_hash" },
  });
  const owners = new Set<string>();
  // So many that all three own some, but for once in three million runs.
  for (let i = 0; i < 40; i++) {
    const client = `client-${i}`;
    await gateway.createClient({ client_id: client, capacity: 1000, rate_per_sec: 1 });
    const answers = Array.from({ length: 4 }, async () => {
      const url = `${gateway.url}/?client_id=${client}`;
      return await (await fetch(url, { keepalive: false })).text();
    });
    const names = new Set(await Promise.all(answers));
    expect(names.size).toBe(1);
    for (const name of names) owners.add(name);
  }
  expect(owners.size).toBe(3);
});
