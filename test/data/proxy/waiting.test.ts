// Slow backends, quiet streams and clients that leave: what is waited for, how long, and what is
// left behind afterwards (nothing).

import { describe, expect, test } from "bun:test";
import { OK, rawBackend } from "../../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";
import { type RawAnswer, RawClient } from "../../support/raw-client.ts";

describe.each(TRANSPORTS)("%s", (transport) => {
  const silent = (): void => {};
  const STREAM =
    "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";

  describe("a backend that does not answer", () => {
    test("costs 504 after REQUEST_TIMEOUT, and its connection is closed", async () => {
      using backend = rawBackend(silent);
      await using proxy = startProxy({
        transport,
        backends: [backend.url],
        config: { requestMs: 300 },
      });
      const started = performance.now();
      const response = await fetch(proxy.url);
      expect(response.status).toBe(504);
      expect(performance.now() - started).toBeWithin(290, 2000);
      await backend.until(() => backend.open === 0);
      expect(backend.requests).toHaveLength(1);
      expect(proxy.metrics.total("upstream_timeout")).toBe(1);
      await proxy.idle();
    });

    test("nor reads the upload: 504 as well", async () => {
      const listener = Bun.listen({
        hostname: "127.0.0.1",
        port: 0,
        socket: { open: (socket) => socket.pause(), data() {} },
      });
      const backends = [`http://127.0.0.1:${listener.port}`];
      const config = { requestMs: 300, maxBody: 0 };
      await using proxy = startProxy({ transport, backends, config });
      using client = await RawClient.connect(proxy.port);
      const length = 64 * 1024 * 1024;
      await client.send(requestText("POST /", { "Content-Length": String(length) }));
      void client.send(new Uint8Array(length));
      await client.until(({ text }) => text.includes("\r\n\r\n"));
      expect(client.text).toStartWith("HTTP/1.1 504 ");
      await proxy.idle();
      listener.stop(true);
    });

    test("is not blamed for a slow upload: each piece gives it new time", async () => {
      using backend = rawBackend(async (request, connection) => {
        await backend.until(() => request.body.endsWith("0\r\n\r\n"));
        await connection.write(OK);
      });
      await using proxy = startProxy({
        transport,
        backends: [backend.url],
        config: { requestMs: 1000 },
      });
      using client = await RawClient.connect(proxy.port);
      await client.send(requestText("POST /", { "Transfer-Encoding": "chunked" }));
      for (let i = 0; i < 10; i++) {
        // Slowness is what this is about.
        await Bun.sleep(150);
        await client.send("1\r\nx\r\n");
      }
      const answer = await client.exchange("0\r\n\r\n");
      expect(answer.status).toBe(200);
    });

    test("is not blamed for an upload that stalls: its time begins with the next piece", async () => {
      using backend = rawBackend(async (request, connection) => {
        if (request.target === "/silent") return;
        await backend.until(() => request.body.endsWith("0\r\n\r\n"));
        if (request.target === "/answered") await connection.write(OK);
      });
      await using proxy = startProxy({
        transport,
        backends: [backend.url],
        config: { requestMs: 300 },
      });
      const stalled = await Promise.all(
        ["/answered", "/unanswered"].map(async (target) => {
          const client = await RawClient.connect(proxy.port);
          await client.send(
            requestText(`POST ${target}`, { "Transfer-Encoding": "chunked" }, "1\r\nx\r\n"),
          );
          return client;
        }),
      );
      await backend.until(() => backend.requests.length === 2);
      // What began later is late by now, twice.
      for (let i = 0; i < 2; i++) expect((await fetch(`${proxy.url}/silent`)).status).toBe(504);
      const answers = stalled.map((client) => client.exchange("0\r\n\r\n"));
      expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 504]);
      for (const client of stalled) client.leave();
      await proxy.idle();
    });

    test("nor for one that never goes on: that is the client's 408", async () => {
      using backend = rawBackend(silent);
      await using proxy = startProxy({
        transport,
        backends: [backend.url],
        config: { requestMs: 300 },
        limits: { bodyIdleMs: 1000 },
        ejectAfter: 1,
      });
      using client = await RawClient.connect(proxy.port);
      await client.send(requestText("POST /", { "Transfer-Encoding": "chunked" }, "1\r\nx\r\n"));
      await client.until(({ text }) => text.includes("\r\n\r\n"));
      expect(client.text).toStartWith("HTTP/1.1 408 ");
      await proxy.idle();
      expect(proxy.metrics.total("upstream_timeout")).toBe(0);
      expect(proxy.backends.isOutlier(0)).toBe(false);
    });

    test("may be quiet in the middle of its answer for longer than any of these timeouts", async () => {
      using backend = rawBackend(async (_, { write }) => {
        await write(STREAM);
        await Bun.sleep(2500);
        await write("3\r\ndef\r\n0\r\n\r\n");
      });
      const config = { requestMs: 300 };
      await using proxy = startProxy({
        transport,
        backends: [backend.url],
        config,
        limits: { idleMs: 1000 },
      });
      expect(await (await fetch(proxy.url)).text()).toBe("abcdef");
    });

    test("may take longer than the listener's idle timeout to answer", async () => {
      using backend = rawBackend(async (_, { write }) => {
        await Bun.sleep(2500);
        await write(OK);
      });
      await using proxy = startProxy({
        transport,
        backends: [backend.url],
        limits: { idleMs: 1000 },
      });
      expect((await fetch(proxy.url)).status).toBe(200);
    });

    test("and afterwards the idle connection is closed as ever", async () => {
      using backend = rawBackend();
      await using proxy = startProxy({
        transport,
        backends: [backend.url],
        limits: { idleMs: 1000 },
      });
      using client = await RawClient.connect(proxy.port);
      expect((await client.exchange(requestText("GET /"))).status).toBe(200);
      await client.untilClosed();
    }, 10_000);
  });

  describe("a client that stops uploading", () => {
    const STALLED = "1\r\nx\r\n";
    const upload = async (port: number, target: string): Promise<RawClient> => {
      const client = await RawClient.connect(port);
      const head = requestText(`POST ${target}`, { "Transfer-Encoding": "chunked" });
      await client.send(head + STALLED);
      return client;
    };

    test("gets the rest of an answer that has begun, and its end is the connection's", async () => {
      const others = Promise.withResolvers<void>();
      using backend = rawBackend(async ({ target }, { write }) => {
        if (target === "/unanswered") return;
        await write(STREAM);
        const drip = setInterval(() => void write("1\r\nx\r\n"), 100);
        await others.promise;
        clearInterval(drip);
        await write("3\r\nend\r\n0\r\n\r\n");
      });
      const limits = { bodyIdleMs: 1000 };
      await using proxy = startProxy({ transport, backends: [backend.url], limits });
      using client = await upload(proxy.port, "/answered");
      await client.until(({ text }) => text.includes("abc"));
      // What began later is too late by now, twice.
      for (let i = 0; i < 2; i++) {
        using late = await upload(proxy.port, "/unanswered");
        await late.until(({ text }) => text.startsWith("HTTP/1.1 408 "));
      }
      others.resolve();
      await client.untilClosed();
      // Perhaps in one chunk with what came before it.
      expect(client.text).toEndWith("end\r\n0\r\n\r\n");
      await proxy.idle();
      expect(proxy.logLines().at(-1)).not.toHaveProperty("broken_by");
    });

    test("is not waited for when the answer has stopped as well", async () => {
      using backend = rawBackend((_, { write }) => write(STREAM));
      const limits = { bodyIdleMs: 1000 };
      await using proxy = startProxy({ transport, backends: [backend.url], limits });
      using client = await upload(proxy.port, "/");
      await client.untilClosed();
      expect(client.text).toEndWith("abc\r\n");
      await backend.until(() => backend.open === 0);
      await proxy.idle();
      expect(proxy.logLines()).toMatchObject([{ status: 200, broken_by: "client" }]);
    });
  });

  describe("a client that leaves", () => {
    test.each([
      ["at once", 0],
      ["after a while", 250],
    ])("before the answer, %s", async (_, after) => {
      using backend = rawBackend(silent);
      await using proxy = startProxy({ transport, backends: [backend.url] });
      const client = await RawClient.connect(proxy.port);
      await client.send(requestText("GET /"));
      await backend.until(() => backend.requests.length === 1);
      await Bun.sleep(after);
      client.leave();
      await backend.until(() => backend.open === 0);
      await proxy.idle();
      expect(proxy.metrics.total("client_aborts")).toBe(1);
      expect(proxy.logLines()[0]).toMatchObject({ status: 499, broken_by: "client" });
    });

    test.each([
      ["a stream", STREAM],
      [
        "a long answer",
        "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 100000\r\n\r\nabc",
      ],
      ["a short answer", "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 10\r\n\r\nabc"],
    ])("in the middle of %s", async (_, start) => {
      using backend = rawBackend(async (_request, { write, socket }) => {
        await write(start);
        // Bun notices a client that left when it writes to it.
        const drip = setInterval(
          () => void socket.write(start === STREAM ? "1\r\nx\r\n" : "x"),
          20,
        );
        void backend.until(() => backend.open === 0).then(() => clearInterval(drip));
      });
      await using proxy = startProxy({ transport, backends: [backend.url] });
      const client = await RawClient.connect(proxy.port);
      await client.send(requestText("GET /"));
      await client.until(({ text }) => text.includes("abc"));
      client.leave();
      await backend.until(() => backend.open === 0);
      await proxy.idle();
    });

    test("from a stream that is quiet", async () => {
      using backend = rawBackend((_, { write }) => write(STREAM));
      await using proxy = startProxy({ transport, backends: [backend.url] });
      const client = await RawClient.connect(proxy.port);
      await client.send(requestText("GET /"));
      await client.until(({ text }) => text.includes("abc"));
      client.leave();
      await proxy.idle();
      await backend.until(() => backend.open === 0);
    });

    // Before anybody looks at who waits, so the answer meets a client that is gone.
    test.each([[1], [10], [50]])("%d ms before a quiet stream begins", async (early) => {
      const left = Promise.withResolvers<void>();
      using backend = rawBackend(async (_, { write }) => {
        await left.promise;
        await Bun.sleep(early);
        await write(STREAM);
      });
      await using proxy = startProxy({ transport, backends: [backend.url] });
      const client = await RawClient.connect(proxy.port);
      await client.send(requestText("GET /"));
      await backend.until(() => backend.requests.length === 1);
      client.leave();
      left.resolve();
      await proxy.idle();
      await backend.until(() => backend.open === 0);
      expect(proxy.logLines()[0]).toMatchObject({ broken_by: "client" });
    });

    test("in the middle of its upload", async () => {
      using backend = rawBackend(silent);
      await using proxy = startProxy({ transport, backends: [backend.url] });
      const client = await RawClient.connect(proxy.port);
      await client.send(
        requestText("POST /", { "Content-Length": "1000000" }, "x".repeat(200_000)),
      );
      await backend.until(() => (backend.requests[0]?.body.length ?? 0) > 0);
      client.leave();
      await backend.until(() => backend.open === 0);
      await proxy.idle();
    });

    test("takes only its own request along, not those before, beside and after it", async () => {
      const held = Promise.withResolvers<void>();
      using backend = rawBackend(async ({ target }, { write }) => {
        if (target === "/held") await held.promise;
        // All of these at once.
        if (target === "/after") await backend.until(() => came("/after") === 12);
        await write(OK);
      });
      const came = (path: string): number =>
        backend.requests.filter(({ target }) => target === path).length;
      await using proxy = startProxy({ transport, backends: [backend.url] });
      const clients = await Promise.all(
        Array.from({ length: 8 }, () => RawClient.connect(proxy.port)),
      );
      const ask = (client: RawClient, target: string): Promise<RawAnswer> =>
        client.exchange(requestText(`GET ${target}`));
      const all = async (from: readonly RawClient[], target: string): Promise<number[]> =>
        (await Promise.all(from.map((client) => ask(client, target)))).map(({ status }) => status);
      for (let round = 0; round < 3; round++) await all(clients, "/");
      const [leaver, ...others] = clients;
      await leaver!.send(requestText("GET /held"));
      const answers = all(others, "/held");
      await backend.until(() => came("/held") === clients.length);
      const open = backend.open;
      leaver!.leave();
      await backend.until(() => backend.open === open - 1);
      held.resolve();
      expect(await answers).toEqual(others.map(() => 200));
      while (others.length < 12) others.push(await RawClient.connect(proxy.port));
      expect(await all(others, "/after")).toEqual(others.map(() => 200));
      for (const client of others) client.leave();
      await proxy.idle();
      expect(proxy.metrics.total("client_aborts")).toBe(1);
    });

    test("leaves nothing in flight, whenever it was", async () => {
      using backend = rawBackend(async (_, { write }) => {
        await Bun.sleep(Math.random() * 20);
        await write(STREAM);
        await write("3\r\ndef\r\n0\r\n\r\n");
      });
      await using proxy = startProxy({ transport, backends: [backend.url] });
      const visit = async (): Promise<void> => {
        const client = await RawClient.connect(proxy.port);
        await client.send(requestText("GET /"));
        await Bun.sleep(Math.random() * 25);
        client.leave();
      };
      for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 20 }, visit));
      await proxy.idle();
      expect(proxy.logLines()).toHaveLength(200);
    });
  });
});
