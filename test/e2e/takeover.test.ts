// `serve --takeover` on the compiled executable, under load: no request fails, no bucket is refilled,
// and whatever goes wrong with the new process, the old one goes on.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dialects, removeTemporaryFolders } from "../support/database.ts";
import type { DatabaseConfig } from "../../src/config.ts";
import { Gateway } from "../support/gateway.ts";
import { HEALTH_PATH, startHelloBackends } from "../support/hello-backends.ts";
import { POSTGRES_START_MS, removeSharedCluster } from "../support/postgres.ts";
import { RawClient } from "../data/http1/raw-client.ts";
import { TRANSPORTS } from "../support/proxy.ts";
import { type LoadOptions, SteadyLoad } from "../support/steady-load.ts";

afterAll(async () => {
  removeTemporaryFolders();
  await removeSharedCluster();
});

const OPEN = { ANONYMOUS_CAPACITY: "1000000000", ANONYMOUS_RATE_PER_SEC: "1000000000" };

function urlOf(database: DatabaseConfig): string {
  return database.kind === "sqlite" ? `sqlite://${database.path}` : database.url;
}

interface Place {
  readonly database: DatabaseConfig;
  readonly backends: readonly string[];
  readonly env?: Record<string, string>;
}

const start = (
  { database, backends, env }: Place,
  port: number,
  takeover: boolean,
  stop?: AbortSignal,
) =>
  Gateway.start({
    backends,
    ...(stop && { stop }),
    args: takeover ? ["serve", "--takeover"] : [],
    env: {
      HEALTH_PATH,
      DATABASE_URL: urlOf(database),
      PORT: `${port}`,
      ACCESS_LOG: "off",
      // The old one waits so long for connections that nobody uses, such as those of `fetch` here.
      DRAIN_TIMEOUT: "2s",
      ...env,
    },
  });

const isHello = ({ status, body }: { status: number; body: string }): boolean =>
  status === 429 || body.startsWith("<h1>backend-");

describe.each(dialects.map((dialect) => [dialect.kind, dialect] as const))(
  "on %s",
  (_, dialect) => {
    beforeAll(() => dialect.prepare(), POSTGRES_START_MS);

    // Crosswise, so that each kind is tried over each transport without twice the time.
    const [first, second] = dialect.kind === "sqlite" ? TRANSPORTS : TRANSPORTS.toReversed();
    const kinds: [string, string | undefined, Partial<LoadOptions>][] = [
      ["connections that are kept", first, { connections: 24 }],
      ["a new connection for each request", second, { connections: 12, reconnect: true }],
    ];
    test.skipIf(dialect.missing !== null).each(kinds)(
      "replaced three times under load, with %s, by %s: every request is answered, every bucket exact",
      async (_name, transport, kind) => {
        await using backends = startHelloBackends(2);
        const env = { ...OPEN, TRANSPORT: transport! };
        const place = { database: await dialect.create(), backends: backends.urls, env };
        let gateway = await start(place, 0, false);
        const { port } = gateway;
        await gateway.createClient({ client_id: "thousand", capacity: 1000, rate_per_sec: 0.001 });
        const limited = { port, path: "/?client_id=thousand", connections: 4, pauseMs: 20 };
        const counted = new SteadyLoad(limited, isHello);
        const load = new SteadyLoad({ port, path: "/", connections: 1, ...kind }, isHello);
        await load.more(500);
        for (let round = 0; round < 3; round++) {
          const next = await start(place, port, true);
          await next.log((line) => line.message === "took over");
          const started = performance.now();
          expect(await gateway.process.exited).toBe(0);
          expect(performance.now() - started).toBeLessThan(6_000);
          await gateway[Symbol.asyncDispose]();
          gateway = next;
          await load.more(200);
        }
        await Promise.all([load.stop(), counted.stop()]);
        const rest = new SteadyLoad({ ...limited, pauseMs: 0, connections: 8, requests: 1200 });
        await rest.done;
        await using _last = gateway;
        expect([...load.failures, ...counted.failures, ...rest.failures]).toEqual([]);
        expect([...load.wrong, ...counted.wrong]).toEqual([]);
        expect([...load.statuses.keys()]).toEqual([200]);
        expect(counted.with(200)).toBeGreaterThan(100);
        expect(counted.with(200) + rest.with(200)).toBe(1000);
        expect(await gateway.stop()).toBe(0);
      },
      60_000,
    );
  },
);

describe.each(TRANSPORTS)("a takeover, by %s,", (transport) => {
  const sqlite = dialects[0]!;
  const open = { ...OPEN, TRANSPORT: transport };

  test("moves anonymous buckets too", async () => {
    await using backends = startHelloBackends(1);
    const few = { ANONYMOUS_CAPACITY: "100", ANONYMOUS_RATE_PER_SEC: "0.001" };
    const env = { ...few, TRANSPORT: transport };
    const place = { database: await sqlite.create(), backends: backends.urls, env };
    await using old = await start(place, 0, false);
    const load = { port: old.port, path: "/", connections: 3 };
    const before = new SteadyLoad({ ...load, requests: 60 });
    await before.done;
    await using next = await start(place, old.port, true);
    const after = new SteadyLoad({ ...load, requests: 60 });
    await after.done;
    expect(before.with(200) + after.with(200)).toBe(100);
    expect(await next.stop()).toBe(0);
  });

  test("lets a request that is under way end, and a body that is still coming", async () => {
    const gate = Promise.withResolvers<void>();
    await using backends = startHelloBackends(1, async (request) => {
      if (request.method === "POST") return new Response(`got ${await request.text()}`);
      await gate.promise;
      return new Response("slow");
    });
    const place = { database: await sqlite.create(), backends: backends.urls, env: open };
    await using old = await start(place, 0, false);
    const slow = fetch(`${old.url}/slow`, { keepalive: false });
    const upload = await RawClient.open(old.port);
    upload.send("POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
    while (backends.served.length < 1) await Bun.sleep(5);
    await using next = await start(place, old.port, true);
    upload.send("def");
    expect(await upload.contains("got")).toContain("got abcdef");
    upload.close();
    expect(old.process.exitCode).toBeNull();
    gate.resolve();
    expect(await (await slow).text()).toBe("slow");
    expect(await old.process.exited).toBe(0);
    expect(await next.stop()).toBe(0);
  });

  test("keeps an idle connection usable: its next request is answered by the new process", async () => {
    await using backends = startHelloBackends(1);
    const place = { database: await sqlite.create(), backends: backends.urls, env: open };
    await using old = await start(place, 0, false);
    const idle = await RawClient.open(old.port);
    idle.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await idle.contains("<h1>");
    await using next = await start(place, old.port, true);
    await old.log((line) => line.message === "handed over");
    idle.send("GET /again HTTP/1.1\r\nHost: h\r\n\r\n");
    const text = await idle.all();
    expect(text.match(/<h1>backend-1/g)).toHaveLength(2);
    expect(text).toContain("Connection: close");
    idle.close();
    expect(await old.process.exited).toBe(0);
    expect(await next.stop()).toBe(0);
  });

  test("followed by another one keeps a connection usable that is still with the first gateway", async () => {
    await using backends = startHelloBackends(1);
    const env = { ...open, DRAIN_TIMEOUT: "10s" };
    const place = { database: await sqlite.create(), backends: backends.urls, env };
    await using first = await start(place, 0, false);
    const idle = await RawClient.open(first.port);
    idle.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await idle.contains("<h1>");
    await using second = await start(place, first.port, true);
    await using third = await start(place, first.port, true);
    // It has left the port by then, and would have ended if it were not needed.
    await Promise.race([second.process.exited, Bun.sleep(2_000)]);
    idle.send("GET /again HTTP/1.1\r\nHost: h\r\n\r\n");
    expect((await idle.all()).match(/<h1>backend-1/g)).toHaveLength(2);
    idle.close();
    expect([await first.process.exited, await second.process.exited]).toEqual([0, 0]);
    expect(await third.stop()).toBe(0);
  });

  test("waits for the one before it: the first gateway has left the port by then", async () => {
    await using backends = startHelloBackends(1);
    const place = { database: await sqlite.create(), backends: backends.urls, env: open };
    await using first = await start(place, 0, false);
    await using second = await start(place, first.port, true);
    await using third = await start(place, first.port, true);
    const left = await first.log((line) => line.message === "draining");
    const next = await second.log((line) => line.message === "handing over");
    expect(String(next["time"]) >= String(left["time"])).toBe(true);
    expect([await first.process.exited, await second.process.exited]).toEqual([0, 0]);
    expect(await third.stop()).toBe(0);
  });

  test("is always ready", async () => {
    await using backends = startHelloBackends(1);
    const place = { database: await sqlite.create(), backends: backends.urls, env: open };
    await using old = await start(place, 0, false);
    while ((await old.api("GET", "/-/ready")).status !== 200) await Bun.sleep(5);
    const options = { port: old.port, path: "/-/ready", connections: 4, reconnect: true };
    const asking = new SteadyLoad(options);
    await asking.more(50);
    await using next = await start(place, old.port, true);
    await next.log((line) => line.message === "took over");
    await asking.more(50);
    await asking.stop();
    expect([...asking.failures]).toEqual([]);
    expect([...asking.statuses.keys()]).toEqual([200]);
    expect(await next.stop()).toBe(0);
  });

  test("of changed clients: what the old one acknowledged is there, what comes later acts", async () => {
    await using backends = startHelloBackends(1);
    const place = { database: await sqlite.create(), backends: backends.urls, env: open };
    await using old = await start(place, 0, false);
    const acknowledged: string[] = [];
    const refused: string[] = [];
    const writes = { over: false };
    const writing = (async () => {
      for (let i = 0; !writes.over; i++) {
        const answer = await old.api("POST", "/clients", {
          client_id: `c${i}`,
          capacity: 5,
          rate_per_sec: 0.001,
        });
        if (answer.status === 201) acknowledged.push(`c${i}`);
        else refused.push(`${answer.status} ${await answer.text()}`);
      }
    })();
    while (acknowledged.length < 20) await Bun.sleep(2);
    await using next = await start(place, old.port, true);
    const during = acknowledged.length;
    while (acknowledged.length < during + 20) await Bun.sleep(2);
    writes.over = true;
    await writing;
    expect(refused).toEqual([]);
    for (const id of acknowledged) {
      expect((await next.api("GET", `/clients/${id}`)).status).toBe(200);
    }
    expect(await next.stop()).toBe(0);
  });

  test("with fewer and with more workers than before", async () => {
    await using backends = startHelloBackends(1);
    const place = { database: await sqlite.create(), backends: backends.urls };
    const sized = (workers: string) => ({ ...place, env: { ...open, WORKERS: workers } });
    let gateway = await start(sized("3"), 0, false);
    const { port } = gateway;
    const load = new SteadyLoad({ port, path: "/", connections: 12, reconnect: true }, isHello);
    for (const workers of ["1", "4", "2"]) {
      const next = await start(sized(workers), port, true);
      expect(await gateway.process.exited).toBe(0);
      await gateway[Symbol.asyncDispose]();
      gateway = next;
    }
    await load.stop();
    await using _last = gateway;
    expect([...load.failures]).toEqual([]);
    expect([...load.statuses.keys()]).toEqual([200]);
  }, 60_000);

  test("without a gateway to replace is an ordinary start", async () => {
    const database = await sqlite.create();
    await using gateway = await start({ database, backends: [] }, 0, true);
    expect((await gateway.api("GET", "/-/healthy")).status).toBe(200);
  });

  test("of another port or another database's gateway is refused, and that one goes on", async () => {
    await using backends = startHelloBackends(1);
    const place = { database: await sqlite.create(), backends: backends.urls, env: open };
    await using old = await start(place, 0, false);
    const otherPort = await failure(start({ ...place, env: { ...open, PORT: "1" } }, 1, true));
    expect(otherPort).toMatch(/exited with 75.*listens on .*not on/s);
    const elsewhere = { ...place, database: await sqlite.create() };
    expect(await failure(start(elsewhere, old.port, true))).toMatch(/exited with 75.*in use/s);
    expect(await (await fetch(old.url)).text()).toContain("backend-1");
  });

  test("that finds another file in the database's place, or none, is refused", async () => {
    await using backends = startHelloBackends(1);
    const place = { database: await sqlite.create(), backends: backends.urls, env: open };
    const { path } = place.database as { path: string };
    await using old = await start(place, 0, false);
    await old.createClient({ client_id: "kept", capacity: 300, rate_per_sec: 0.001 });
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${path}${suffix}`);
    for (const replaced of [false, true]) {
      if (replaced) writeFileSync(path, "");
      const refusal = await failure(start(place, old.port, true));
      expect(refusal).toMatch(/exited with 75.*another database/s);
      expect((await old.api("GET", "/clients/kept")).status).toBe(200);
    }
  });

  test("whose new process dies half-way leaves the old one deciding, with all its buckets", async () => {
    await using backends = startHelloBackends(1);
    const place = { database: await sqlite.create(), backends: backends.urls, env: open };
    await using old = await start(place, 0, false);
    await old.createClient({ client_id: "kept", capacity: 300, rate_per_sec: 0.001 });
    const load = { port: old.port, path: "/?client_id=kept", connections: 4 };
    const first = new SteadyLoad({ ...load, requests: 100 });
    await first.done;
    // A second one that asks for the freeze, and is gone before it serves.
    const channel = await Bun.connect<undefined>({
      unix: `${(place.database as { path: string }).path}-takeover`,
      socket: { data: () => {} },
    });
    channel.write('{"ask":1,"what":"freeze","body":null}\n');
    await old.log((line) => line.message === "handing over");
    const during = new SteadyLoad({ ...load, requests: 100 });
    await Bun.sleep(100);
    expect(during.answered).toBe(0);
    channel.end();
    await old.log((line) => line.message === "not replaced, going on");
    await during.done;
    const rest = new SteadyLoad({ ...load, requests: 200 });
    await rest.done;
    expect([...first.failures, ...during.failures, ...rest.failures]).toEqual([]);
    expect(first.with(200) + during.with(200) + rest.with(200)).toBe(300);
    // And it can still be replaced, and has its lock again.
    expect(await failure(start(place, 0, false))).toMatch(/exited with 75/);
    await using next = await start(place, old.port, true);
    expect(await old.process.exited).toBe(0);
    expect(await next.stop()).toBe(0);
  });

  describe("that is slow to read very many clients", () => {
    /** Of a gateway that has been here before. */
    async function manyClients(): Promise<DatabaseConfig> {
      const database = await sqlite.create();
      await using gateway = await start({ database, backends: [] }, 0, false);
      expect(await gateway.stop()).toBe(0);
      const file = new Database((database as { path: string }).path);
      file.run(`INSERT INTO clients (client_id, capacity, rate_per_sec, tokens, tokens_at, version,
          tokens_version, created_at, updated_at)
        WITH RECURSIVE many (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM many WHERE i < 200000)
        SELECT 'many' || i, 10, 1, 10, 0, i, i, 0, 0 FROM many`);
      file.close();
      return database;
    }

    test("ends when it is stopped meanwhile, and the old one goes on", async () => {
      await using backends = startHelloBackends(1);
      const place = { database: await manyClients(), backends: backends.urls, env: open };
      await using old = await start(place, 0, false);
      const stop = new AbortController();
      const next = start(place, old.port, true, stop.signal);
      await old.log((line) => line.message === "handing over");
      stop.abort();
      expect(await failure(next)).toMatch(/exited with 0 before listening/);
      expect(await (await fetch(old.url)).text()).toContain("backend-1");
      expect(await old.stop()).toBe(0);
    });

    test("does not listen when the old one has gone on without it", async () => {
      const database = await manyClients();
      const { path } = database as { path: string };
      const { dev, ino } = statSync(path);
      // A worker that tried to listen would fail.
      using taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
      const { port } = taken;
      const presence = {
        protocol: 1,
        version: "0",
        pid: process.pid,
        configured: `127.0.0.1:${port}`,
        host: "127.0.0.1",
        port,
        listeners: 1,
        database: `sqlite ${dev}:${ino}`,
        seed: [1, 2, 3, 4],
      };
      const anonymous = { capacity: 100, ratePerSec: 50, buckets: "", shared: "" };
      using _old = Bun.listen({
        unix: `${path}-takeover`,
        socket: {
          data: (socket, bytes) => {
            const { ask, what } = JSON.parse(bytes.toString()) as { ask: number; what: string };
            const value = what === "present" ? presence : { anonymous };
            socket.write(`${JSON.stringify({ answer: ask, value })}\n`);
            if (what === "freeze") socket.end();
          },
        },
      });
      expect(await failure(start({ database, backends: [] }, port, true))).toMatch(
        /exited with 75.*cannot be replaced: it has ended the takeover/s,
      );
    });
  });

  test("whose new process hangs with the lock leaves the old one without it only so long", async () => {
    await using backends = startHelloBackends(1);
    const place = { database: await sqlite.create(), backends: backends.urls, env: open };
    const { path } = place.database as { path: string };
    await using old = await start(place, 0, false);
    const frozen = Promise.withResolvers<void>();
    const channel = await Bun.connect<undefined>({
      unix: `${path}-takeover`,
      socket: { data: () => frozen.resolve() },
    });
    channel.write('{"ask":1,"what":"freeze","body":null}\n');
    await frozen.promise;
    const lock = new Database(`${path}-lock`);
    lock.run("BEGIN EXCLUSIVE");
    channel.end();
    await old.log((line) => line.message === "another process has the database");
    lock.close();
    const locks = new Database(`${path}-lock`);
    const isLocked = (): boolean => {
      try {
        locks.run("BEGIN EXCLUSIVE");
        locks.run("ROLLBACK");
        return false;
      } catch {
        return true;
      }
    };
    while (!isLocked()) await Bun.sleep(20);
    locks.close();
    await using next = await start(place, old.port, true);
    expect(await old.process.exited).toBe(0);
    expect(await next.stop()).toBe(0);
  }, 20_000);

  test("is for the same user alone, and leaves no socket behind", async () => {
    const database = await sqlite.create();
    const path = `${(database as { path: string }).path}-takeover`;
    await using gateway = await start({ database, backends: [] }, 0, false);
    const { mode } = await Bun.file(path).stat();
    expect(mode & 0o777).toBe(0o600);
    expect(await gateway.stop()).toBe(0);
    const left = [...new Bun.Glob("*").scanSync({ cwd: join(path, ".."), onlyFiles: false })];
    expect(left.filter((name) => name.includes("takeover"))).toEqual([]);
  });
});

async function failure(started: Promise<Gateway>): Promise<string> {
  return await started.then(
    async (gateway) => {
      await gateway[Symbol.asyncDispose]();
      return "started";
    },
    (error: Error) => error.message,
  );
}
