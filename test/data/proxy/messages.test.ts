// Methods, targets, bodies and statuses reach the other side as they are, or are refused aloud.

import { describe, expect, test } from "bun:test";
import { answering, closedPort, OK, rawBackend } from "../../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";
import { dechunk, RawClient, valuesOf } from "../../support/raw-client.ts";

describe.each(TRANSPORTS)("%s", (transport) => {
  const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "PURGE"];

  describe("requests", () => {
    test.each(METHODS)("%s is forwarded with path and query", async (method) => {
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [backend.url] });
      await fetch(`${proxy.url}/a/b%2Fc;d=1?e=f&g=%20h&&i`, { method });
      const [request] = backend.requests;
      expect(request!.method).toBe(method);
      expect(request!.target).toBe("/a/b%2Fc;d=1?e=f&g=%20h&&i");
    });

    test.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])(
      "%s carries its body",
      async (method) => {
        using backend = rawBackend(async (request, { write }) => {
          await backend.until(() => request.body.length === 5);
          await write(OK);
        });
        await using proxy = startProxy({ transport, backends: [backend.url] });
        using client = await RawClient.connect(proxy.port);
        const answer = await client.exchange(
          requestText(`${method} /`, { "Content-Length": "5" }, "hello"),
        );
        expect(answer.status).toBe(200);
        expect(valuesOf(backend.requests[0]!, "content-length")).toEqual(["5"]);
        expect(backend.requests[0]!.body).toBe("hello");
      },
    );

    test("a chunked body arrives whole", async () => {
      const body = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
      using backend = rawBackend(async (request, { write }) => {
        await backend.until(() => dechunk(request.body) === "hello world");
        await write(OK);
      });
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      const headers = { "Transfer-Encoding": "chunked" };
      expect((await client.exchange(requestText("POST /", headers, body))).status).toBe(200);
    });

    test.each([
      ["GET", { "Content-Length": "5" }, "hello"],
      ["HEAD", { "Content-Length": "5" }, "hello"],
      ["GET", { "Transfer-Encoding": "chunked" }, "5\r\nhello\r\n0\r\n\r\n"],
    ])(
      "a body on %s is forwarded, or refused where fetch would drop it",
      async (method, headers, body) => {
        using backend = rawBackend(async (request, { write }) => {
          await backend.until(() => request.body === body);
          await write(method === "HEAD" ? OK.replace("ok", "") : OK);
        });
        await using proxy = startProxy({ transport, backends: [backend.url] });
        using client = await RawClient.connect(proxy.port);
        await client.send(requestText(`${method} /`, headers, body));
        await client.until(({ text }) => text.includes("\r\n\r\n"));
        expect(client.text).toStartWith(transport === "fetch" ? "HTTP/1.1 400 " : "HTTP/1.1 200 ");
        expect(backend.requests).toHaveLength(transport === "fetch" ? 0 : 1);
      },
    );

    test.each([
      ["two Host headers", "Host: a\r\nHost: b\r\n"],
      ["the same Host twice", "Host: a\r\nHost: a\r\n"],
      ["an empty Host", "Host:\r\n"],
      ["a Host with a path", "Host: a/b\r\n"],
      ["a Host with a user", "Host: u@a\r\n"],
      ["a Host with a space", "Host: a b\r\n"],
    ])("%s is 400", async (_, lines) => {
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      await client.send(`GET / HTTP/1.1\r\n${lines}\r\n`);
      await client.untilClosed();
      expect(client.text).toStartWith("HTTP/1.1 400 ");
      expect(backend.requests).toHaveLength(0);
    });

    test.each(["1.1.1.256", "[1::2::3]", "a%20b"])(
      "a Host that makes no URL is forwarded, or 400 where fetch needs one: %s",
      async (host) => {
        using backend = rawBackend();
        await using proxy = startProxy({ transport, backends: [backend.url] });
        using client = await RawClient.connect(proxy.port);
        await client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
        await client.until(({ text }) => text.includes("\r\n\r\n"));
        expect(client.text).toStartWith(transport === "fetch" ? "HTTP/1.1 400 " : "HTTP/1.1 200 ");
        const hosts = backend.requests.map((request) => valuesOf(request, "host"));
        expect(hosts).toEqual(transport === "fetch" ? [] : [[host]]);
      },
    );

    test("the environment's proxies are not between the gateway and its backends", async () => {
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      const before = process.env["http_proxy"];
      process.env["http_proxy"] = `http://127.0.0.2:${closedPort()}`;
      try {
        expect((await client.exchange(requestText("GET /"))).status).toBe(200);
      } finally {
        if (before === undefined) delete process.env["http_proxy"];
        else process.env["http_proxy"] = before;
      }
    });

    test("HTTP/1.0 without a Host is forwarded, to the backend's own", async () => {
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      await client.send("GET /old HTTP/1.0\r\n\r\n");
      await client.untilClosed();
      expect(client.text).toStartWith("HTTP/1.1 200 ");
      expect(backend.requests[0]!.target).toBe("/old");
      expect(valuesOf(backend.requests[0]!, "host")).toEqual([`127.0.0.1:${backend.port}`]);
      expect(valuesOf(backend.requests[0]!, "x-forwarded-host")).toEqual([]);
    });

    test.each([["CONNECT example.test:443"], ["TRACE /"]])("%s is 405", async (line) => {
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      const answer = await client.exchange(requestText(line));
      expect(answer.status).toBe(405);
      expect(valuesOf(answer, "allow")).toHaveLength(1);
      expect(backend.requests).toHaveLength(0);
      expect(proxy.metrics.total("requests_bad")).toBe(1);
    });
  });

  describe("the largest body", () => {
    const config = { maxBody: 100_000 };

    test("is refused by its length before a byte of it was read", async () => {
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [backend.url], config });
      using client = await RawClient.connect(proxy.port);
      await client.send(requestText("POST /", { "Content-Length": "100001" }));
      await client.untilClosed();
      expect(client.text).toStartWith("HTTP/1.1 413 ");
      expect(backend.accepted).toBe(0);
    });

    test("is counted while a chunked one streams", async () => {
      using backend = rawBackend(() => {});
      await using proxy = startProxy({ transport, backends: [backend.url], config });
      using client = await RawClient.connect(proxy.port);
      await client.send(requestText("POST /", { "Transfer-Encoding": "chunked" }));
      const piece = `2710\r\n${"x".repeat(10_000)}\r\n`;
      for (let i = 0; i < 11; i++) await client.send(piece);
      await client.until(({ text }) => text.includes("\r\n\r\n"));
      expect(client.text).toStartWith("HTTP/1.1 413 ");
      await backend.until(() => backend.open === 0);
      expect(backend.requests[0]!.body.length).toBeLessThan(101_000);
      await proxy.idle();
    });

    test.each([
      ["by its first chunk, whose length alone is too much", "", "186A1\r\n"],
      [
        "by a chunk that with those before is too much",
        `2710\r\n${"x".repeat(10_000)}\r\n`,
        "15F91;a\r\n",
      ],
    ])("is exceeded %s: refused on its announcement", async (_, before, announcement) => {
      using backend = rawBackend(() => {});
      await using proxy = startProxy({ transport, backends: [backend.url], config });
      using client = await RawClient.connect(proxy.port);
      await client.send(requestText("POST /", { "Transfer-Encoding": "chunked" }, before));
      if (before !== "")
        await backend.until(() => (backend.requests[0]?.body.length ?? 0) > 10_000);
      // Not a byte of the chunk follows.
      await client.send(announcement);
      await client.until(({ text }) => text.includes("\r\n\r\n"));
      expect(client.text).toStartWith("HTTP/1.1 413 ");
      expect(client.text).toContain("\r\nConnection: close\r\n");
      await client.untilClosed();
      await backend.until(() => backend.open === 0);
      expect(backend.requests.every(({ body }) => dechunk(body) === null)).toBe(true);
      await proxy.idle();
    });

    test("may have exactly that many bytes, in chunks too", async () => {
      using backend = rawBackend(async (request, connection) => {
        await backend.until(() => dechunk(request.body)?.length === 100_000);
        await connection.write(OK);
      });
      await using proxy = startProxy({ transport, backends: [backend.url], config });
      using client = await RawClient.connect(proxy.port);
      const half = `C350\r\n${"x".repeat(50_000)}\r\n`;
      const answer = await client.exchange(
        requestText("POST /", { "Transfer-Encoding": "chunked" }, `${half}${half}0\r\n\r\n`),
      );
      expect(answer.status).toBe(200);
    });

    test("may have exactly that many bytes", async () => {
      using backend = rawBackend(async (request, connection) => {
        await backend.until(() => request.body.length === 100_000);
        await connection.write(OK);
      });
      await using proxy = startProxy({ transport, backends: [backend.url], config });
      const response = await fetch(proxy.url, { method: "POST", body: "x".repeat(100_000) });
      expect(response.status).toBe(200);
    });
  });

  describe("answers", () => {
    test.each([
      ["204", "HTTP/1.1 204 No Content\r\n\r\n", 204],
      ["304", 'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n', 304],
      ["404", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404],
      ["500", "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 500],
      ["103 before 200", `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}`, 200],
    ])("%s", async (_, answer, status) => {
      using backend = rawBackend(answering(answer));
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      expect((await client.exchange(requestText("GET /"))).status).toBe(status);
      // The connection is in step: the next answer is the next request's.
      expect((await client.exchange(requestText("GET /"))).status).toBe(status);
      await proxy.idle();
    });

    test.each([
      ["plain", "Fine enough"],
      ["UTF-8", "Caf\xc3\xa9"],
      // U+010D and U+010A, whose low bytes are CR and LF.
      ["UTF-8 whose characters would end the line", "A\xc4\x8d\xc4\x8aX-Injected: 1"],
    ])("the reason goes on byte for byte: %s", async (_, reason) => {
      const answer = Buffer.from(`HTTP/1.1 200 ${reason}\r\nContent-Length: 2\r\n\r\nok`, "latin1");
      using backend = rawBackend((_request, { write }) => write(answer));
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      const { statusText, headers } = await client.exchange(requestText("GET /"));
      expect(statusText).toBe(reason);
      expect(headers.map(([name]) => name)).not.toContain("x-injected");
    });

    test.each([
      ["HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
      ["GET", 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n'],
    ])("%s invents no length where the backend gave none", async (method, answer) => {
      using backend = rawBackend((_request, { write }) => write(answer));
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      const { headers } = await client.exchange(requestText(`${method} /`));
      expect(headers.map(([name]) => name)).toContain("x-request-id");
      expect(headers.map(([name]) => name)).not.toContain("content-length");
      await proxy.idle();
    });

    test("HEAD keeps the length and has no body", async () => {
      using backend = rawBackend(
        answering("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 1000000\r\n\r\n"),
      );
      await using proxy = startProxy({ transport, backends: [backend.url] });
      const response = await fetch(proxy.url, { method: "HEAD" });
      expect(response.headers.get("content-length")).toBe("1000000");
      expect(await response.text()).toBe("");
      await proxy.idle();
    });

    test.each([
      ["chunked", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"],
      ["without a length, until the connection closes", "Connection: close\r\n\r\nabcdef"],
    ])("%s", async (_, rest) => {
      using backend = rawBackend(async (_request, { write, socket }) => {
        await write(`HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n${rest}`);
        if (rest.startsWith("Connection")) socket.end();
      });
      await using proxy = startProxy({ transport, backends: [backend.url] });
      expect(await (await fetch(proxy.url)).text()).toBe("abcdef");
      await proxy.idle();
      expect(proxy.logLines()[0]).toMatchObject({ status: 200, bytes: 6 });
    });

    test("pieces are handed on as they come", async () => {
      using backend = rawBackend((_, { write }) =>
        write(
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndata:1\r\n",
        ),
      );
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      await client.send(requestText("GET /events"));
      // The backend sends nothing more.
      await client.until(({ text }) => text.includes("data:1"));
    });

    test.each([
      ["with a length", "Content-Length: 100000\r\n\r\nabc"],
      ["chunked", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"],
    ])("one that breaks off %s looks broken to the client", async (_, rest) => {
      const seen = Promise.withResolvers<void>();
      using backend = rawBackend(async (_request, { write, socket }) => {
        await write(`HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n${rest}`);
        await seen.promise;
        socket.end();
      });
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      await client.send(requestText("GET /"));
      await client.until(({ text }) => text.includes("abc"));
      seen.resolve();
      await client.untilClosed();
      expect(client.text).not.toContain("\r\n0\r\n");
      await proxy.idle();
      expect(proxy.logLines()[0]).toMatchObject({ broken_by: "backend", bytes: 3 });
    });
  });
});

test("a bug in the way of an answer by fetch is a 500 and is told, and the exchange ends", async () => {
  using backend = rawBackend();
  await using proxy = startProxy({ backends: [backend.url] });
  proxy.backends.answered = () => {
    throw new Error("bug");
  };
  using client = await RawClient.connect(proxy.port);
  const answer = await client.exchange(requestText("GET /"));
  expect(answer.status).toBe(500);
  expect(answer.body).toContain("The gateway failed.");
  expect(proxy.errors).toEqual([new Error("bug")]);
  await proxy.idle();
});
