// Stops, kills and restarts of the compiled executable: what is kept, what is answered, what it says.

import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closedPort, OK, rawBackend } from "../support/backend.ts";
import { EXECUTABLE, Gateway } from "../support/gateway.ts";
import { HEALTH_PATH, startHelloBackends } from "../support/hello-backends.ts";
import { runAb } from "../support/load.ts";
import { TRANSPORTS } from "../support/proxy.ts";

interface Client {
  readonly capacity: number;
  readonly current_tokens: number;
}

const clientOf = async (gateway: Gateway, id: string): Promise<Client> =>
  (await (await gateway.api("GET", `/clients/${id}`)).json()) as Client;

async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "gateway-lifecycle-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A backend whose answers to `/slow` wait until the test lets them go. */
function gatedBackends() {
  const arrived = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const backends = startHelloBackends(1, async (request) => {
    // One that comes in before the port is closed is answered, or nobody could see it closed.
    if (!request.url.endsWith("/slow")) return new Response("at once");
    arrived.resolve();
    await gate.promise;
    return new Response("finished");
  });
  return { backends, arrived: arrived.promise, open: gate.resolve };
}

describe("start", () => {
  test.each(TRANSPORTS)(
    "%s: who connects as soon as the port accepts is not told that no backend is healthy",
    async (transport) => {
      using slow = rawBackend(async (_, connection) => {
        // A check that takes longer than the others are waited for.
        if (connection.count === 1) await Bun.sleep(600);
        await connection.write(OK);
      });
      const gone = `http://127.0.0.2:${closedPort()}`;
      const env = { TRANSPORT: transport, HEALTH_INTERVAL: "1h" };
      await using gateway = await Gateway.start({ backends: [gone, slow.url], env });
      expect((await fetch(gateway.url)).status).toBe(200);
    },
  );

  test("a backend that never answers its check does not hold the others up, nor the control routes", async () => {
    using silent = rawBackend(() => {});
    await using backends = startHelloBackends(1);
    const env = { HEALTH_PATH, HEALTH_TIMEOUT: "5m" };
    await using gateway = await Gateway.start({ backends: [silent.url, ...backends.urls], env });
    expect((await fetch(gateway.url)).status).toBe(200);
    expect((await fetch(`${gateway.url}/-/ready`)).status).toBe(200);
    await using alone = await Gateway.start({ backends: [silent.url], env });
    expect((await fetch(alone.url)).status).toBe(503);
    expect((await fetch(`${alone.url}/-/healthy`)).status).toBe(200);
    const ready = await fetch(`${alone.url}/-/ready`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      expect.objectContaining({ detail: "No backend is open to requests." }),
    ]);
  });
});

describe("a stop during the start", () => {
  /** Not by `Gateway`, which waits for a gateway that listens. */
  async function stopped(cwd: string, args: string[], env: Record<string, string>) {
    const checked = Promise.withResolvers<void>();
    using silent = rawBackend(() => checked.resolve());
    await using child = Bun.spawn([EXECUTABLE, ...args], {
      cwd,
      env: { LOG_FORMAT: "json", BACKENDS: silent.url, HEALTH_TIMEOUT: "60s", ...env },
      stdin: "ignore",
      stderr: "inherit",
    });
    await checked.promise;
    child.kill("SIGTERM");
    const log = await new Response(child.stdout).text();
    return { code: await child.exited, log };
  }

  test("ends it, and no port is opened", async () => {
    await using folder = await temporaryFolder();
    const { code, log } = await stopped(folder.path, [], { HOST: "127.0.0.1", PORT: "0" });
    expect(code).toBe(0);
    expect(log).toContain('"stopped"');
    expect(log).not.toContain('"listening"');
  });

  test("leaves the gateway that it would have replaced alone", async () => {
    await using gateway = await Gateway.start();
    const env = { HOST: "127.0.0.1", PORT: `${gateway.port}` };
    const { code, log } = await stopped(gateway.cwd, ["serve", "--takeover"], env);
    expect(code).toBe(0);
    expect(log).not.toContain('"took over"');
    expect((await fetch(`${gateway.url}/-/healthy`)).status).toBe(200);
    expect(gateway.lines.map((line) => line.message)).not.toContain("handing over");
  });
});

describe.each(TRANSPORTS)("stop, by %s:", (transport) => {
  const env = { HEALTH_PATH, TRANSPORT: transport };

  test("SIGTERM lets the request in flight finish, refuses new connections, and exits 0", async () => {
    const { backends, arrived, open } = gatedBackends();
    await using _backends = backends;
    await using gateway = await Gateway.start({ backends: backends.urls, env });
    const answer = fetch(`${gateway.url}/slow`);
    await arrived;
    gateway.process.kill("SIGTERM");
    await gateway.log((line) => line.message.includes("draining"));
    await expectRefused(gateway);
    open();
    expect(await (await answer).text()).toBe("finished");
    expect(await gateway.process.exited).toBe(0);
  });

  test.skipIf(process.platform !== "linux")("a closed terminal stops it like SIGTERM", async () => {
    const { backends, arrived, open } = gatedBackends();
    await using _backends = backends;
    await using gateway = await Gateway.start({ backends: backends.urls, env });
    const answer = fetch(`${gateway.url}/slow`);
    await arrived;
    gateway.process.kill("SIGHUP");
    await gateway.log((line) => line.message === "draining");
    open();
    expect(await (await answer).text()).toBe("finished");
    expect(await gateway.process.exited).toBe(0);
  });

  test("with nohup it goes on", async () => {
    await using gateway = await Gateway.start({ command: ["nohup", EXECUTABLE], env });
    gateway.process.kill("SIGHUP");
    expect((await fetch(`${gateway.url}/-/healthy`)).status).toBe(200);
    expect(await gateway.stop()).toBe(0);
    const stops = gateway.lines.filter((line) => line.message === "stopping");
    expect(stops.map((line) => line["signal"])).toEqual(["SIGTERM"]);
  });

  test("DRAIN_TIMEOUT bounds the wait", async () => {
    const { backends, arrived, open } = gatedBackends();
    await using _backends = backends;
    await using gateway = await Gateway.start({
      backends: backends.urls,
      env: { ...env, DRAIN_TIMEOUT: "200ms" },
    });
    const answer = fetch(`${gateway.url}/slow`).then(
      () => "answered",
      () => "cut",
    );
    await arrived;
    expect(await gateway.stop()).toBe(1);
    open();
    expect(await answer).toBe("cut");
  });

  test("a second signal ends at once", async () => {
    const { backends, arrived, open } = gatedBackends();
    await using _backends = backends;
    await using gateway = await Gateway.start({ backends: backends.urls, env });
    const answer = fetch(`${gateway.url}/slow`).catch(() => null);
    await arrived;
    gateway.process.kill("SIGINT");
    await gateway.log((line) => line.message.includes("draining"));
    gateway.process.kill("SIGINT");
    expect(await gateway.process.exited).toBe(130);
    open();
    await answer;
  });
});

describe.each(TRANSPORTS)("state, by %s:", (transport) => {
  test("a clean stop loses nothing: the next start has the tokens and the time that passed", async () => {
    await using folder = await temporaryFolder();
    await using backends = startHelloBackends(1);
    const options = {
      backends: backends.urls,
      cwd: folder.path,
      env: { HEALTH_PATH, TRANSPORT: transport, FLUSH_INTERVAL: "1h" },
    };
    {
      await using gateway = await Gateway.start(options);
      await gateway.createClient({ client_id: "kept", capacity: 1000, rate_per_sec: 0.001 });
      await runAb(`${gateway.url}/?client_id=kept`, { requests: 400, concurrency: 8 });
      expect(await gateway.stop()).toBe(0);
    }
    await using gateway = await Gateway.start(options);
    const { capacity, current_tokens } = await clientOf(gateway, "kept");
    expect(capacity).toBe(1000);
    expect(current_tokens).toBeGreaterThanOrEqual(600);
    expect(current_tokens).toBeLessThan(600.1);
  });

  test("kill -9 loses no acknowledged client and at most one flush interval of consumption", async () => {
    await using folder = await temporaryFolder();
    await using backends = startHelloBackends(1);
    const options = {
      backends: backends.urls,
      cwd: folder.path,
      env: { HEALTH_PATH, TRANSPORT: transport, FLUSH_INTERVAL: "100ms" },
    };
    {
      await using gateway = await Gateway.start(options);
      await gateway.createClient({ client_id: "killed", capacity: 1000, rate_per_sec: 0.001 });
      await runAb(`${gateway.url}/?client_id=killed`, { requests: 300, concurrency: 8 });
      await flushed(gateway);
      await gateway.createClient({ client_id: "last-words", capacity: 7, rate_per_sec: 1 });
      await gateway.kill();
    }
    await using gateway = await Gateway.start(options);
    const { current_tokens } = await clientOf(gateway, "killed");
    // 300 and the first of the two that waited for a flush are written, the second may be.
    expect(current_tokens).toBeGreaterThanOrEqual(698);
    expect(current_tokens).toBeLessThan(699.1);
    expect((await clientOf(gateway, "last-words")).capacity).toBe(7);
  });

  test("a second gateway on the same database or the same port is refused in one line", async () => {
    await using folder = await temporaryFolder();
    await using gateway = await Gateway.start({ cwd: folder.path });
    const other = { cwd: folder.path, env: { PORT: "0" } };
    expect(await failure(Gateway.start(other))).toMatch(/exited with 75.*in use/s);
    const samePort = { env: { PORT: `${gateway.port}` } };
    expect(await failure(Gateway.start(samePort))).toMatch(/exited with 75.*in use/s);
    expect((await fetch(`${gateway.url}/-/healthy`)).status).toBe(200);
  });
});

/** Resolves when a flush that began after this call has written what changed before it. */
async function flushed(gateway: Gateway): Promise<void> {
  const written = async (): Promise<number> => {
    const text = await (await gateway.api("GET", "/-/metrics")).text();
    const value = text.match(/^gateway_flushed_clients_total (\S+)$/m);
    if (!value) throw new Error("no such metric");
    return Number(value[1]);
  };
  // One more take is one more change to write; a flush writes all there are. The first that is seen
  // may have begun before its take, so it is the second that has everything from before this call.
  for (let flush = 0; flush < 2; flush++) {
    const before = await written();
    await fetch(`${gateway.url}/?client_id=killed`);
    while ((await written()) === before) await Bun.sleep(10);
  }
}

async function expectRefused(gateway: Gateway): Promise<void> {
  // The listening sockets close a moment after the signal; a connection before that is served.
  for (;;) {
    const refused = await fetch(gateway.url, { keepalive: false }).then(
      () => false,
      (error: { code?: string }) => error.code === "ECONNREFUSED",
    );
    if (refused) return;
    await Bun.sleep(5);
  }
}

async function failure(started: Promise<Gateway>): Promise<string> {
  return await started.then(
    () => "started",
    (error: Error) => error.message,
  );
}
