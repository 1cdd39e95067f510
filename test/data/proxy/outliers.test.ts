// What the proxied path tells the backend table about failures, and what it does when backends are
// full.

import { describe, expect, test } from "bun:test";
import { type Behaviour, OK, rawBackend } from "../../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";
import { RawClient } from "../../support/raw-client.ts";

describe.each(TRANSPORTS)("%s", (transport) => {
  const UNAVAILABLE = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

  test("a 503 of the backend goes to the client as it is, and speaks against the backend", async () => {
    using backend = rawBackend((_, connection) => connection.write(UNAVAILABLE));
    await using proxy = startProxy({ transport, backends: [backend.url], ejectAfter: 3 });
    for (let i = 0; i < 3; i++) expect((await fetch(proxy.url)).status).toBe(503);
    expect(proxy.failedSlots).toEqual([0]);
    expect(proxy.backends.isOutlier(0)).toBe(true);
    await proxy.idle();
  });

  const PART = `HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${"x".repeat(500)}`;

  test("answers broken off in a row speak against the backend, whatever their heads say", async () => {
    using backend = rawBackend(async (_, { socket, write }) => {
      if (backend.requests.length === 3) return await write(OK);
      await write(PART);
      socket.end();
    });
    await using proxy = startProxy({ transport, backends: [backend.url], ejectAfter: 3 });
    const ask = async () => {
      const answer = await fetch(proxy.url).catch(() => null);
      await answer?.text().catch(() => null);
    };
    for (let i = 0; i < 5; i++) {
      await ask();
      await proxy.idle();
    }
    expect(proxy.failedSlots).toEqual([]);
    await ask();
    await proxy.idle();
    expect(proxy.failedSlots).toEqual([0]);
    expect(proxy.backends.isOutlier(0)).toBe(true);
    expect(proxy.backends.snapshot()[0]!.failures).toBe(5);
    // Back on trial, the next one is enough.
    proxy.backends.eject(0, 0);
    proxy.backends.readmit(0);
    expect(proxy.backends.isOutlier(0)).toBe(false);
    await ask();
    await proxy.idle();
    expect(proxy.backends.isOutlier(0)).toBe(true);
  });

  test("a client that leaves in the middle of an answer does not speak against the backend", async () => {
    using backend = rawBackend((_, { write }) => write(PART));
    await using proxy = startProxy({ transport, backends: [backend.url], ejectAfter: 1 });
    const leaving = new AbortController();
    const answer = await fetch(proxy.url, { signal: leaving.signal });
    leaving.abort();
    await answer.text().catch(() => null);
    await proxy.idle();
    expect(proxy.failedSlots).toEqual([]);
    expect(proxy.backends.isOutlier(0)).toBe(false);
  });

  test("nor does one whose body gets too large in the middle of an answer", async () => {
    using backend = rawBackend((_, { write }) => write(PART));
    const config = { maxBody: 1000 };
    const options = { transport, backends: [backend.url], ejectAfter: 1, config };
    await using proxy = startProxy(options);
    using client = await RawClient.connect(proxy.port);
    await client.send(requestText("POST /", { "Transfer-Encoding": "chunked" }, "1\r\nx\r\n"));
    await client.until(({ text }) => text.endsWith("xxx"));
    await client.send(`400\r\n${"x".repeat(1024)}\r\n`);
    await client.untilClosed();
    await backend.until(() => backend.open === 0);
    await proxy.idle();
    expect(proxy.logLines()).toMatchObject([{ status: 200, broken_by: "client" }]);
    expect(proxy.metrics.total("upstream_reset")).toBe(0);
    expect(proxy.failedSlots).toEqual([]);
    expect(proxy.backends.isOutlier(0)).toBe(false);
    expect(proxy.errors).toEqual([]);
  });

  test("a backend that accepts and never answers is an outlier", async () => {
    using backend = rawBackend(() => {});
    const options = { backends: [backend.url], ejectAfter: 2, config: { requestMs: 100 } };
    await using proxy = startProxy(options);
    const statuses = await Promise.all([1, 2].map(async () => (await fetch(proxy.url)).status));
    expect(statuses).toEqual([504, 504]);
    expect(proxy.failedSlots).toEqual([0]);
    await proxy.idle();
  });

  test("a client that leaves does not speak against the backend", async () => {
    using backend = rawBackend(() => {});
    await using proxy = startProxy({ transport, backends: [backend.url], ejectAfter: 1 });
    const leaving = new AbortController();
    const asked = fetch(proxy.url, { signal: leaving.signal }).catch(() => {});
    await backend.until(() => backend.requests.length === 1);
    leaving.abort();
    await asked;
    await proxy.idle();
    expect(proxy.failedSlots).toEqual([]);
    expect(proxy.backends.isOutlier(0)).toBe(false);
  });

  test("a full backend is passed over; with all full: 503, Retry-After, counted, and no place leaks", async () => {
    const gate = Promise.withResolvers<void>();
    const behave = async (_: unknown, connection: { write(data: string): Promise<void> }) => {
      await gate.promise;
      await connection.write(OK);
    };
    using one = rawBackend(behave);
    using other = rawBackend(behave);
    await using proxy = startProxy({ transport, backends: [one.url, other.url] });
    proxy.backends.setBackends([
      { url: one.url, weight: 1, maxInFlight: 1 },
      { url: other.url, weight: 1, maxInFlight: 2 },
    ]);
    const held = [1, 2, 3].map(() => fetch(proxy.url));
    await other.until(() => other.requests.length === 2);
    await one.until(() => one.requests.length === 1);
    const refused = await fetch(proxy.url);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await refused.text()).toContain("Service not available");
    expect(proxy.metrics.total("upstream_saturated")).toBe(1);
    gate.resolve();
    for (const answer of held) expect((await answer).status).toBe(200);
    await proxy.idle();
    expect((await fetch(proxy.url)).status).toBe(200);
  });

  test("a request that waited behind another on its connection finds the place that one had", async () => {
    const behaviours: Behaviour[] = [
      (_, { write }) => write(OK),
      async (_, { write }) => {
        await write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        await client.until(({ text }) => text.includes("first"));
        await write("0\r\n\r\n");
      },
      async (_, { write, socket }) => {
        await write("HTTP/1.1 200 OK\r\n\r\nok");
        socket.end();
      },
      (_, { write }) => write("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
      (_, { write }) => write(OK),
    ];
    const many = behaviours.length;
    using backend = rawBackend((request, connection) => behaviours.shift()!(request, connection));
    await using proxy = startProxy({ transport, backends: [backend.url] });
    proxy.backends.setBackends([{ url: backend.url, weight: 1, maxInFlight: 1 }]);
    using client = await RawClient.connect(proxy.port);
    await client.send(requestText("GET /").repeat(many));
    const statuses = (): string[] => client.text.match(/(?<=HTTP\/1\.1 )\d+/g) ?? [];
    await client.until(() => statuses().length === many);
    expect(statuses()).toEqual(["200", "200", "200", "502", "200"]);
    await proxy.idle();
  });
});

test("fetch: a body that gets too large while a short answer is waited for is 413", async () => {
  const half = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
  using backend = rawBackend((_, { write }) => write(half));
  const options = { backends: [backend.url], ejectAfter: 1, config: { maxBody: 1000 } };
  await using proxy = startProxy(options);
  using client = await RawClient.connect(proxy.port);
  await client.send(requestText("POST /", { "Transfer-Encoding": "chunked" }, "1\r\nx\r\n"));
  // Nothing of it goes on yet that the client could wait for.
  while (proxy.metrics.histogram("upstream").sum === 0) await Bun.sleep(5);
  await client.send(`400\r\n${"x".repeat(1024)}\r\n`);
  await client.until(({ text }) => text.includes("\r\n\r\n"));
  expect(client.text).toStartWith("HTTP/1.1 413 ");
  await proxy.idle();
  expect(proxy.logLines()[0]).not.toHaveProperty("broken_by");
  expect(proxy.metrics.total("upstream_reset")).toBe(0);
  expect(proxy.backends.isOutlier(0)).toBe(false);
});
