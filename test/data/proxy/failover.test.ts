// What happens when a backend fails: another one takes over where repeating is safe, and otherwise
// the client gets an honest answer.

import { describe, expect, test } from "bun:test";
import { type Behaviour, closedPort, OK, rawBackend } from "../../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";
import { RawClient } from "../../support/raw-client.ts";

describe.each(TRANSPORTS)("%s", (transport) => {
  const refused = (): string => `http://127.0.0.2:${closedPort()}`;
  const hangUp: Behaviour = (_, { socket }) => socket.terminate();

  describe("a backend that cannot be reached", () => {
    test.each([
      ["GET", null],
      ["POST", null],
      ["POST", "small"],
      ["PATCH", "x".repeat(300_000)],
    ])("%s goes to the next one, body and all", async (method, body) => {
      using backend = rawBackend(async (request, connection) => {
        await backend.until(() => request.body.length === (body?.length ?? 0));
        await connection.write(OK);
      });
      await using proxy = startProxy({ transport, backends: [refused(), backend.url], fall: 100 });
      for (let i = 0; i < 2; i++) {
        const response = await fetch(proxy.url, { method, body });
        expect(response.status).toBe(200);
      }
      expect(backend.requests).toHaveLength(2);
      expect(proxy.metrics.total("upstream_connect_failed")).toBe(2);
      expect(proxy.metrics.total("upstream_retries")).toBe(2);
      await proxy.idle();
    });

    test("a chunked body goes to the next one too", async () => {
      using backend = rawBackend(async (request, connection) => {
        await backend.until(() => request.body.endsWith("0\r\n\r\n"));
        await connection.write(OK);
      });
      await using proxy = startProxy({ transport, backends: [refused(), backend.url], fall: 100 });
      for (let i = 0; i < 2; i++) {
        using client = await RawClient.connect(proxy.port);
        const head = requestText("POST /", { "Transfer-Encoding": "chunked" });
        expect((await client.exchange(`${head}3\r\nabc\r\n0\r\n\r\n`)).status).toBe(200);
      }
      expect(backend.requests.every(({ body }) => body.includes("abc"))).toBe(true);
    });

    test("is unhealthy after enough failures, which is told once", async () => {
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [refused(), backend.url], fall: 2 });
      for (let i = 0; i < 10; i++) expect((await fetch(proxy.url)).status).toBe(200);
      expect(proxy.failedSlots).toEqual([0]);
      expect(proxy.backends.openCount()).toBe(1);
      expect(proxy.metrics.total("upstream_connect_failed")).toBe(2);
    });

    test("spends no retry while no other one is there", async () => {
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [refused(), backend.url], fall: 1000 });
      const statuses = async (requests: number): Promise<number[]> => {
        const found: number[] = [];
        for (let i = 0; i < requests; i++) found.push((await fetch(proxy.url)).status);
        return found;
      };
      proxy.backends.setHealthy(1, false, 0);
      expect(await statuses(30)).toEqual(new Array(30).fill(502));
      expect(proxy.metrics.total("upstream_retries_refused")).toBe(0);
      proxy.backends.setHealthy(1, true, 0);
      // A retry moves the rotation on, so each request needs one: a fifth of all that came.
      expect(await statuses(6)).toEqual(new Array(6).fill(200));
      expect(proxy.metrics.total("upstream_retries")).toBe(6);
      expect(proxy.metrics.total("upstream_retries_refused")).toBe(0);
    });

    test("each is tried once: 502 when all have failed, and the answer names none", async () => {
      await using proxy = startProxy({
        transport,
        backends: [refused(), refused(), refused()],
        fall: 100,
      });
      const response = await fetch(proxy.url);
      expect(response.status).toBe(502);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(await response.text()).not.toContain("127.0.0.1");
      expect(proxy.metrics.total("upstream_connect_failed")).toBe(3);
      await proxy.idle();
    });

    test("no healthy backend: 503 says so", async () => {
      await using proxy = startProxy({ transport, backends: [refused()], fall: 1 });
      expect((await fetch(proxy.url)).status).toBe(502);
      const response = await fetch(proxy.url);
      expect(response.status).toBe(503);
      expect(await response.text()).toContain("Service not available");
      expect(proxy.metrics.total("upstream_none_healthy")).toBe(1);
    });
  });

  describe("a backend that hangs up before it answers", () => {
    test("GET goes to the next one", async () => {
      using broken = rawBackend(hangUp);
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [broken.url, backend.url] });
      for (let i = 0; i < 3; i++) expect((await fetch(proxy.url)).status).toBe(200);
      // Each of them was a second try, and that is all a quiet gateway may spend in ten seconds.
      expect((await fetch(proxy.url)).status).toBe(502);
      // A try moves the rotation on, so each request meets the broken one first.
      expect(broken.requests).toHaveLength(4);
      expect(proxy.metrics.total("upstream_reset")).toBe(4);
      await proxy.idle();
    });

    test.each([["pay"], [null]])("POST is never sent twice, body %p", async (body) => {
      using broken = rawBackend(hangUp);
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [broken.url, backend.url] });
      const found: number[] = [];
      for (let i = 0; i < 2; i++) {
        found.push((await fetch(proxy.url, { method: "POST", body })).status);
      }
      expect(found).toEqual([502, 200]);
      expect(broken.requests).toHaveLength(1);
      expect(backend.requests).toHaveLength(1);
    });

    test("does not become unhealthy by it: a client can provoke a hang-up", async () => {
      using broken = rawBackend(hangUp);
      await using proxy = startProxy({ transport, backends: [broken.url], fall: 1 });
      for (let i = 0; i < 3; i++) expect((await fetch(proxy.url)).status).toBe(502);
      expect(proxy.backends.openCount()).toBe(1);
    });
  });

  describe("a connection that the backend closed while it was idle", () => {
    test.each([["GET"], ["POST"]])("does not fail a %s", async (method) => {
      using backend = rawBackend(async (_, { write, socket }) => {
        await write(OK);
        socket.end();
      });
      await using proxy = startProxy({ transport, backends: [backend.url] });
      for (let i = 0; i < 5; i++) {
        const { accepted } = backend;
        expect((await fetch(proxy.url, { method })).status).toBe(200);
        await backend.until(() => backend.open === 0);
        expect(backend.accepted).toBe(accepted + 1);
      }
      expect(proxy.metrics.total("upstream_reset")).toBe(0);
    });

    test("does not fail a GET that was sent before the close was seen", async () => {
      // The second request on a connection is answered with a close.
      using backend = rawBackend(async (_, { write, socket, count }) => {
        if (count === 1) await write(OK);
        else socket.terminate();
      });
      await using proxy = startProxy({ transport, backends: [backend.url] });
      for (let i = 0; i < 5; i++) expect((await fetch(proxy.url)).status).toBe(200);
    });
  });

  describe("an answer that cannot be handed on", () => {
    test.each([
      ["no HTTP", "SSH-2.0-OpenSSH\r\n\r\n"],
      ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok"],
      ["a coding nobody undoes", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx"],
      [
        "a coding under the chunks",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nxx\r\n0\r\n\r\n",
      ],
      [
        "a length beside chunks",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      ],
      ["an unasked switch of protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"],
    ])("is 502: %s", async (_, answer) => {
      using backend = rawBackend((_request, { write }) => write(answer));
      await using proxy = startProxy({ transport, backends: [backend.url] });
      expect((await fetch(proxy.url)).status).toBe(502);
      await proxy.idle();
    });

    // What Bun's client cannot take; the test tells when a newer one can.
    const many = Array.from({ length: 300 }, (_, i) => `X-${i}: 1\r\n`).join("");
    test.each([
      ["300 headers", `HTTP/1.1 200 OK\r\n${many}Content-Length: 0\r\n\r\n`, 200],
      ["a status above 599", "HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n", 799],
    ])("by fetch is 502: %s", async (_, answer, status) => {
      using backend = rawBackend((_request, { write }) => write(answer));
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      const expected = transport === "fetch" ? 502 : status;
      expect((await client.exchange(requestText("GET /"))).status).toBe(expected);
      await proxy.idle();
    });
  });
});
