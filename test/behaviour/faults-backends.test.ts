// Backends that fail in every way there is, under load, on the compiled executable and over both
// transports. Every request is counted to its end: none without an answer, none with a wrong one.

import { describe, expect, test } from "bun:test";
import { type Behaviour, OK, type RawBackend, rawBackend } from "../support/backend.ts";
import { BackendProcess } from "../support/backend-process.ts";
import { Gateway } from "../support/gateway.ts";
import { HEALTH_PATH, startHelloBackends } from "../support/hello-backends.ts";
import { SteadyLoad } from "../support/steady-load.ts";

const CONNECTIONS = 12;

interface Healthy {
  readonly url: string;
  readonly healthy: boolean;
  readonly ejected_until: string | null;
  readonly in_flight: number;
}

async function states(gateway: Gateway): Promise<Healthy[]> {
  const answer = await gateway.api("GET", "/-/backends");
  return ((await answer.json()) as { backends: Healthy[] }).backends;
}

/** Nothing is left over: no request counts as in flight for ever. */
async function settled(gateway: Gateway): Promise<void> {
  while ((await states(gateway)).some((backend) => backend.in_flight !== 0)) await Bun.sleep(5);
}

describe.each(["fetch", "pooled"])("transport %s", (transport) => {
  const start = (backends: readonly string[], env: Record<string, string> = {}) =>
    Gateway.start({
      backends,
      env: {
        TRANSPORT: transport,
        ACCESS_LOG: "off",
        HEALTH_INTERVAL: "100ms",
        HEALTH_TIMEOUT: "200ms",
        ANONYMOUS_CAPACITY: "1000000000",
        ANONYMOUS_RATE_PER_SEC: "1000000000",
        ...env,
      },
    });
  const ask = (gateway: Gateway, bodies: readonly string[], path = "/") =>
    new SteadyLoad(
      { port: gateway.port, path, connections: CONNECTIONS },
      ({ status, body }) => status !== 200 || bodies.includes(body),
    );

  test("backends that are stopped, killed and come back: no GET fails", async () => {
    await using one = await BackendProcess.start("one");
    await using two = await BackendProcess.start("two");
    await using three = await BackendProcess.start("three");
    await using gateway = await start([one.url, two.url, three.url]);
    const load = ask(gateway, [one.body, two.body, three.body]);
    await load.more(500);
    for (const [backend, how] of [
      [one, "stop"],
      [two, "kill"],
      [one, "kill"],
    ] as const) {
      await backend[how]();
      await load.more(1000);
      await backend.restart();
      const all = async () => (await states(gateway)).every((backend) => backend.healthy);
      while (!(await all())) await Bun.sleep(10);
      await load.more(300);
    }
    await load.stop();
    expect([...load.failures]).toEqual([]);
    expect(load.wrong).toEqual([]);
    expect([...load.statuses.keys()]).toEqual([200]);
    await settled(gateway);
  });

  test("a frozen backend costs each connection its timeout once, then nothing", async () => {
    await using one = await BackendProcess.start("one");
    await using two = await BackendProcess.start("two");
    await using gateway = await start([one.url, two.url], {
      REQUEST_TIMEOUT: "500ms",
      EJECT_TIME: "5m",
    });
    const load = ask(gateway, [one.body, two.body]);
    await load.more(500);
    two.freeze();
    await gateway.log(({ message }) => message === "backend is unhealthy" || /eject/.test(message));
    await load.more(500);
    // All that it had have ended by now.
    await Bun.sleep(700);
    const slow = load.with(504);
    expect(slow).toBeLessThanOrEqual(2 * CONNECTIONS);
    load.slowestMs = 0;
    await load.more(1000);
    expect(load.with(504)).toBe(slow);
    expect(load.slowestMs).toBeLessThan(400);
    two.thaw();
    await load.stop();
    expect([...load.failures]).toEqual([]);
    expect(load.wrong).toEqual([]);
    await settled(gateway);
  });

  /** One good backend, and one that answers health checks and fails otherwise. */
  async function besideGood(failing: Behaviour, env: Record<string, string> = {}) {
    const good = startHelloBackends(1);
    const bad: RawBackend = rawBackend((request, connection) =>
      request.target === HEALTH_PATH ? connection.write(OK) : failing(request, connection),
    );
    const gateway = await start([...good.urls, bad.url], { HEALTH_PATH, ...env });
    return {
      gateway,
      bad,
      async [Symbol.asyncDispose]() {
        await gateway[Symbol.asyncDispose]();
        bad.stop();
        await good[Symbol.asyncDispose]();
      },
    };
  }
  const GOOD = "<h1>backend-1</h1>";

  test("answers that break off are never seen as whole", async () => {
    const part = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of";
    await using site = await besideGood(async (_, connection) => {
      await connection.write(part);
      connection.socket.terminate();
    });
    const load = ask(site.gateway, [GOOD]);
    await load.more(400);
    await load.stop();
    // Where the head had left already nothing can be taken back, only cut.
    expect(load.wrong).toEqual([]);
    expect(load.answered).toBe(load.with(200) + load.with(502));
    const broken = site.bad.requests.filter(({ target }) => target === "/").length;
    expect(broken).toBeGreaterThan(0);
    expect(load.failed + load.with(502)).toBe(broken);
    if (load.failed > 0) {
      expect([...load.failures.keys()]).toEqual(["the connection ended before its answer"]);
    }
    await settled(site.gateway);
  });

  test.each([
    ["nothing, and closes", ""],
    ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["bytes", "\0\u00ff\u0001\n\n\r\r\n\r\n"],
    ["a head without an end", "HTTP/1.1 200 OK\r\nX: "],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"],
    ["a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nab"],
  ])("a backend that answers %s: every request gets an answer, none that one", async (_, bytes) => {
    await using site = await besideGood(async (_request, connection) => {
      await connection.write(bytes);
      connection.socket.end();
    });
    const load = ask(site.gateway, [GOOD]);
    await load.more(600);
    await load.stop();
    expect([...load.failures]).toEqual([]);
    expect(load.wrong).toEqual([]);
    const bad = load.answered - load.with(200) - load.with(502);
    expect(bad).toBe(0);
    // Ejected, so not for long.
    expect(load.with(502)).toBeLessThan(load.answered / 4);
    await settled(site.gateway);
  });

  test("a late answer on a connection that was given up reaches nobody", async () => {
    let hold = true;
    await using site = await besideGood(
      async (request, connection) => {
        const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${request.target.length}\r\n\r\n${request.target}`;
        if (hold && Math.random() < 0.3) await Bun.sleep(150);
        await connection.write(answer);
      },
      { REQUEST_TIMEOUT: "100ms", EJECT_AFTER: "0" },
    );
    const loads = ["/a", "/bb", "/ccc", "/dddd"].map(
      (path) =>
        new SteadyLoad(
          { port: site.gateway.port, path, connections: 4 },
          ({ status, body }) => status !== 200 || body === path || body === GOOD,
        ),
    );
    for (const load of loads) await load.more(80);
    hold = false;
    for (const load of loads) await load.more(50);
    for (const load of loads) await load.stop();
    expect(loads.flatMap((load) => load.wrong)).toEqual([]);
    expect(loads.flatMap((load) => [...load.failures])).toEqual([]);
    expect(loads.some((load) => load.with(504) > 0)).toBe(true);
    await settled(site.gateway);
  });

  test("a backend that closes idle connections whenever it likes: no GET fails", async () => {
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${GOOD.length}\r\n\r\n${GOOD}`;
    const closing: Behaviour = async (_, connection) => {
      await connection.write(answer);
      const chance = Math.random();
      if (chance < 0.2) connection.socket.end();
      else if (chance < 0.3) connection.socket.terminate();
      else if (chance < 0.5) setTimeout(() => connection.socket.end(), Math.random() * 5);
    };
    await using site = await besideGood(closing);
    const load = ask(site.gateway, [GOOD]);
    await load.more(3000);
    await load.stop();
    expect([...load.failures]).toEqual([]);
    expect(load.wrong).toEqual([]);
    expect([...load.statuses]).toEqual([[200, load.answered]]);
    expect(site.bad.accepted).toBeGreaterThan(50);
    const [, bad] = await states(site.gateway);
    expect(bad).toMatchObject({ healthy: true, ejected_until: null });
    await settled(site.gateway);
  });

  test("failing backends never give a client more than its bucket holds", async () => {
    await using one = await BackendProcess.start("one");
    await using two = await BackendProcess.start("two");
    await using gateway = await start([one.url, two.url], { WORKERS: "8" });
    await gateway.createClient({ client_id: "bound", capacity: 400, rate_per_sec: 0.001 });
    const load = ask(gateway, [one.body, two.body], "/?client_id=bound");
    await load.more(200);
    await one.kill();
    await load.more(100);
    await one.restart();
    await load.more(600);
    await load.stop();
    expect([...load.failures]).toEqual([]);
    expect(new Set(load.statuses.keys())).toEqual(new Set([200, 429]));
    expect(load.with(200)).toBe(400);
  });
});
