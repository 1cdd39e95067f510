// Backends that are reached by https, on the compiled executable and over both transports, with real
// certificates: what passes, how one fails over to plain http and back, and what a refused certificate
// looks like.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { closedPort } from "../support/backend.ts";
import { type Certificate, selfSigned } from "../support/certificate.ts";
import { Gateway } from "../support/gateway.ts";
import { HEALTH_PATH } from "../support/hello-backends.ts";
import { requestText, TRANSPORTS } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";

const MEGABYTE = 1_048_576;

const trusted = selfSigned({ names: ["localhost"], addresses: ["127.0.0.1", "127.0.0.2"] });
const otherName = selfSigned({ names: ["other.test"] });
const expired = selfSigned({ addresses: ["127.0.0.1"], days: -1 });
const unknown = selfSigned({ addresses: ["127.0.0.1"] });
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gateway-tls-"));
  const bundle = [trusted, otherName, expired].map(({ cert }) => cert).join("");
  await Bun.write(join(folder, "trusted.pem"), bundle);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Backend extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** The `Host` of each request. */
  readonly asked: (string | null)[];
  /** The other ends of the connections that requests came on. */
  readonly peers: Set<number>;
}

/** Answers with what it got. Without a certificate: plain http. */
function echo(certificate: Certificate | null, port = 0): Backend {
  const asked: (string | null)[] = [];
  const peers = new Set<number>();
  const server: Bun.Server<undefined> = Bun.serve<undefined>({
    hostname: "127.0.0.1",
    port,
    idleTimeout: 0,
    maxRequestBodySize: 1e9,
    ...(certificate === null ? {} : { tls: certificate }),
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === HEALTH_PATH) return new Response("ok");
      peers.add(server.requestIP(request)!.port);
      asked.push(request.headers.get("host"));
      if (server.upgrade(request, { data: undefined })) return undefined;
      if (pathname === "/endless") return new Response(endless());
      return new Response(request.body ?? `${certificate === null ? "http" : "https"} ${pathname}`);
    },
    websocket: { message: (socket, message) => void socket.send(message) },
  });
  const scheme = certificate === null ? "http" : "https";
  return {
    url: `${scheme}://127.0.0.1:${server.port}`,
    port: server.port!,
    asked,
    peers,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(16_384)) });
}

interface Shown {
  readonly url: string;
  readonly healthy: boolean;
  readonly in_flight: number;
  readonly requests: number;
  readonly failures: number;
  readonly last_check: { readonly detail: string };
}

async function shown(gateway: Gateway): Promise<Shown[]> {
  const answer = await gateway.api("GET", "/-/backends");
  return ((await answer.json()) as { backends: Shown[] }).backends;
}

/** The backends, once nothing is in flight any more. */
async function settled(gateway: Gateway): Promise<Shown[]> {
  for (;;) {
    const backends = await shown(gateway);
    if (backends.every((backend) => backend.in_flight === 0)) return backends;
    await Bun.sleep(5);
  }
}

async function metric(gateway: Gateway, name: string): Promise<number> {
  const text = await (await gateway.api("GET", "/-/metrics")).text();
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));
  return Number(line?.split(" ")[1]);
}

describe.each(TRANSPORTS)("by %s", (transport) => {
  const start = (backends: readonly string[], env: Record<string, string> = {}) =>
    Gateway.start({
      backends,
      env: {
        TRANSPORT: transport,
        HEALTH_PATH,
        NODE_EXTRA_CA_CERTS: join(folder, "trusted.pem"),
        // One turn, one budget of retries.
        WORKERS: "1",
        ANONYMOUS_CAPACITY: "1000000",
        ...env,
      },
    });

  test("GET, HEAD and POST pass, over connections that are kept", async () => {
    await using backend = echo(trusted);
    await using gateway = await start([backend.url]);
    for (let i = 0; i < 20; i++) {
      const got = await fetch(`${gateway.url}/a%2fb?c=d`, { headers: { Host: "shop.example" } });
      expect([got.status, await got.text()]).toEqual([200, "https /a%2fb"]);
      const post = await fetch(gateway.url, { method: "POST", body: `body ${i}` });
      expect([post.status, await post.text()]).toEqual([200, `body ${i}`]);
      const head = await fetch(gateway.url, { method: "HEAD" });
      expect([head.status, await head.text()]).toEqual([200, ""]);
    }
    // Who is asked is still whom the client asked.
    expect(backend.asked[0]).toBe("shop.example");
    // Bun's client gives its connection up after a HEAD.
    expect(backend.peers.size).toBeLessThanOrEqual(transport === "fetch" ? 20 : 1);
    expect(await settled(gateway)).toMatchObject([{ requests: 60, failures: 0 }]);
    expect(await metric(gateway, "gateway_upstream_retries_total")).toBe(0);
  });

  test("a name is what the certificate has to be for", async () => {
    await using backend = echo(trusted);
    await using gateway = await start([`https://localhost:${backend.port}`]);
    expect(await (await fetch(gateway.url)).text()).toBe("https /");
  });

  test.each([
    ["localhost", "localhost"],
    ["127.0.0.1", false],
  ])("a server is told its name, but no address: %s", async (host, name) => {
    const names = new Set<unknown>();
    const server = createServer(trusted, (socket) => {
      socket.on("error", () => {});
      socket.on("data", (bytes) => {
        const text = bytes.toString();
        if (!text.includes(HEALTH_PATH)) names.add(socket.servername);
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await using gateway = await start([`https://${host}:${port}`]);
    expect((await fetch(gateway.url)).status).toBe(200);
    using client = await RawClient.connect(Number(new URL(gateway.url).port));
    const upgrade = { Connection: "Upgrade", Upgrade: "websocket" };
    expect((await client.exchange(requestText("GET /", upgrade))).status).toBe(200);
    expect([...names]).toEqual([name]);
    server.close();
  });

  test("bodies stream both ways, and a client that leaves ends its request", async () => {
    await using backend = echo(trusted);
    await using gateway = await start([backend.url], { MAX_BODY: "0" });
    const sizes = [100, 60_000, 3 * MEGABYTE, 12 * MEGABYTE];
    const bodies = sizes.map((size) => Buffer.alloc(size, `${size} `));
    const answers = await Promise.all(
      bodies.map(async (body) => {
        // Of an unknown length: chunked.
        const stream = new Blob([body]).stream();
        const answer = await fetch(gateway.url, { method: "POST", body: stream });
        return Buffer.from(await answer.arrayBuffer());
      }),
    );
    for (const [i, answer] of answers.entries()) expect(answer.equals(bodies[i]!)).toBe(true);

    const leaving = new AbortController();
    const answer = await fetch(`${gateway.url}/endless`, { signal: leaving.signal });
    const reader = answer.body!.getReader();
    let got = 0;
    while (got < MEGABYTE) got += (await reader.read()).value!.length;
    expect((await shown(gateway))[0]!.in_flight).toBe(1);
    leaving.abort();
    await settled(gateway);
  });

  test("a WebSocket passes", async () => {
    await using backend = echo(trusted);
    await using gateway = await start([backend.url]);
    const socket = new WebSocket(gateway.url.replace("http", "ws"));
    const opened = Promise.withResolvers<void>();
    const echoed = Promise.withResolvers<unknown>();
    socket.onopen = () => opened.resolve();
    socket.onerror = () => opened.reject(new Error("not opened"));
    socket.onmessage = ({ data }) => echoed.resolve(data);
    await opened.promise;
    const text = "x".repeat(200_000);
    socket.send(text);
    expect(await echoed.promise).toBe(text);
    socket.close();
    await settled(gateway);
  });

  describe.each([
    ["http", "https"],
    ["https", "http"],
  ] as const)("when %s fails, %s answers", (failing, answering) => {
    test.each([
      ["GET", undefined],
      ["POST", "small"],
      ["PUT", "x".repeat(300_000)],
    ])("%s", async (method, body) => {
      const dead = `${failing}://127.0.0.2:${closedPort()}`;
      await using backend = echo(answering === "https" ? trusted : null);
      // Both count as healthy until the next check, which does not come.
      await using alive = await startBoth(dead, backend.url);
      const { gateway } = alive;
      for (let i = 0; i < 3; i++) {
        const answer = await fetch(gateway.url, { method, ...(body ? { body } : {}) });
        expect([answer.status, await answer.text()]).toEqual([200, body ?? `${answering} /`]);
      }
      const backends = await settled(gateway);
      const tried = backends.find(({ url }) => url === dead)!;
      const answered = backends.find(({ url }) => url === backend.url)!;
      expect(answered).toMatchObject({ requests: 3, failures: 0 });
      expect(tried.failures).toBeGreaterThan(0);
      expect(tried.requests).toBe(tried.failures);
      expect(await metric(gateway, "gateway_upstream_retries_total")).toBe(tried.failures);
      expect(await metric(gateway, "gateway_requests_in_flight")).toBe(0);
      const access = await accessLines(gateway, 3);
      expect(access.map((line) => [line["status"], line["backend"]])).toEqual(
        Array.from({ length: 3 }, () => [200, backend.url]),
      );
    });
  });

  /** `dead` was a backend when it was checked, and is none any more. */
  async function startBoth(dead: string, url: string) {
    const { hostname, port, protocol } = new URL(dead);
    const mortal = Bun.serve({
      hostname,
      port,
      ...(protocol === "https:" ? { tls: trusted } : {}),
      fetch: () => new Response("ok"),
    });
    const gateway = await start([dead, url], {
      HEALTH_INTERVAL: "1h",
      HEALTH_FALL: "100",
    });
    await mortal.stop(true);
    return { gateway, [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose]() };
  }

  async function accessLines(gateway: Gateway, count: number) {
    const found = () => gateway.lines.filter((line) => line.message === "request");
    while (found().length < count) await Bun.sleep(5);
    return found();
  }

  test.each([
    ["of nobody known", unknown, "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["for another name", otherName, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["that has expired", expired, "CERT_HAS_EXPIRED"],
  ])("a certificate %s: nothing is sent, 502, and the log says why", async (_, bad, code) => {
    await using first = echo(trusted);
    const { port, url } = first;
    await using gateway = await start([url], { HEALTH_INTERVAL: "1s", HEALTH_FALL: "2" });
    expect((await fetch(gateway.url)).status).toBe(200);
    await first[Symbol.asyncDispose]();
    await using second = echo(bad, port);
    const refused = await fetch(gateway.url, { method: "POST", body: "secret" });
    expect(refused.status).toBe(502);
    expect(await refused.text()).not.toContain("127.0.0.1");
    await fetch(gateway.url);
    const told = await gateway.log(({ reason }) => String(reason).includes(code));
    expect(told).toMatchObject({ level: "warn", component: "load_balancer", url });
    expect((await fetch(gateway.url)).status).toBe(503);
    const [backend] = await settled(gateway);
    expect(backend!.healthy).toBe(false);
    expect(backend!.last_check.detail).toContain(code);
    expect(second.asked).toEqual([]);
  });

  test("a certificate that is refused leaves the request to the next backend", async () => {
    await using first = echo(trusted);
    await using plain = echo(null);
    await using gateway = await start([first.url, plain.url], { HEALTH_INTERVAL: "1h" });
    await first[Symbol.asyncDispose]();
    await using second = echo(unknown, first.port);
    for (let i = 0; i < 3; i++) {
      const answer = await fetch(gateway.url, { method: "POST", body: "once" });
      expect([answer.status, await answer.text()]).toEqual([200, "once"]);
    }
    expect(second.asked).toEqual([]);
    await settled(gateway);
  });

  test("a port that does not speak TLS", async () => {
    await using plain = echo(null);
    await using gateway = await start([plain.url.replace("http", "https")]);
    const told = await gateway.log((line) => line.message === "backend is unhealthy");
    expect(told["reason"]).toBe("TLS handshake failed");
    expect((await fetch(gateway.url)).status).toBe(503);
  });
});
