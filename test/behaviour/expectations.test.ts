// `Expect: 100-continue` in all its forms, and HTTP/1.0, over either transport.

import { describe, expect, test } from "bun:test";
import { OK, type RawBackend, rawBackend } from "../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../support/proxy.ts";
import { dechunk, RawClient } from "../support/raw-client.ts";

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
const CHUNKED =
  "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n";

describe.each(TRANSPORTS)("by %s", (transport) => {
  /** Answers when the body is there. */
  const patient = (): RawBackend => {
    const backend = rawBackend(async (request, { write }) => {
      await backend.until(() => request.body === "hello" || dechunk(request.body) === "hello");
      await write(OK);
    });
    return backend;
  };
  const expecting = (fields: Record<string, string>, body = ""): string =>
    requestText("POST /", { "Content-Length": "5", Expect: "100-continue", ...fields }, body);

  describe("a client that waits for 100 Continue", () => {
    test.each([
      ["says so in any case", "POST /", { "Content-Length": "5", eXpect: "100-CONTINUE" }, "hello"],
      [
        "sends in chunks",
        "PUT /",
        { "Transfer-Encoding": "chunked", Expect: "100-continue" },
        "5\r\nhello\r\n0\r\n\r\n",
      ],
    ])("and %s is told once, and its request goes on without", async (_, line, fields, body) => {
      using backend = patient();
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      await client.send(requestText(line, fields));
      await client.until(({ text }) => text === CONTINUE);
      await client.send(body);
      await client.until(({ text }) => text.endsWith("ok"));
      expect(client.text.split(CONTINUE)).toHaveLength(2);
      expect(backend.requests[0]!.head.toLowerCase()).not.toContain("expect");
      // The connection goes on.
      await client.send(requestText("POST /", { "Content-Length": "5" }, "hello"));
      await client.until(({ text }) => text.split("HTTP/1.1 200").length === 3);
    });

    test("is not told when its body came along", async () => {
      using backend = patient();
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      await client.send(expecting({}, "hello"));
      await client.until(({ text }) => text.endsWith("ok"));
      expect(client.text).toStartWith("HTTP/1.1 200 ");
    });

    test("and then sends nothing is cut off", async () => {
      using backend = patient();
      const limits = { bodyIdleMs: 300 };
      await using proxy = startProxy({ transport, backends: [backend.url], limits });
      using client = await RawClient.connect(proxy.port);
      await client.send(expecting({}));
      await client.untilClosed();
      expect(client.text).toStartWith(`${CONTINUE}HTTP/1.1 408 `);
      await backend.until(() => backend.open === 0);
      await proxy.idle();
    });

    test("for too much gets the refusal instead, and the end", async () => {
      using backend = patient();
      const config = { maxBody: 4 };
      await using proxy = startProxy({ transport, backends: [backend.url], config });
      using client = await RawClient.connect(proxy.port);
      await client.send(expecting({}));
      await client.untilClosed();
      expect(client.text).toStartWith("HTTP/1.1 413 ");
      expect(backend.accepted).toBe(0);
    });

    test("without a body waits for nothing", async () => {
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      await client.send(requestText("GET /", { Expect: "100-continue" }));
      await client.until(({ text }) => text.endsWith("ok"));
      expect(client.text).toStartWith("HTTP/1.1 200 ");
    });
  });

  test.each(["", "100-continue, 100-continue", "100-continue\r\nExpect: 100-continue", "x=1"])(
    "Expect: %j cannot be met: 417, and no backend hears of it",
    async (value) => {
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      await client.send(expecting({ Expect: value }, "hello"));
      await client.untilClosed();
      expect(client.text).toStartWith("HTTP/1.1 417 ");
      expect(backend.accepted).toBe(0);
    },
  );

  describe("HTTP/1.0", () => {
    test.each([["100-continue"], ["x=1"]])("expects nothing: %s", async (value) => {
      using backend = patient();
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      const head = expecting({ Expect: value }, "hello").replace("HTTP/1.1", "HTTP/1.0");
      await client.send(head);
      await client.untilClosed();
      expect(client.text).toStartWith("HTTP/1.1 200 ");
    });

    test.each([
      ["ends with its answer", "", 1],
      ["keeps the connection where it asks to", "Connection: keep-alive\r\n", 2],
      ["does not keep it against its own word", "Connection: keep-alive, close\r\n", 1],
    ])("%s", async (_, fields, answers) => {
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      await client.send(`GET /1 HTTP/1.0\r\n${fields}\r\nGET /2 HTTP/1.0\r\n\r\n`);
      await client.untilClosed();
      expect(client.text.match(/HTTP\/1\.1 200 /g)).toHaveLength(answers);
      expect(client.text.match(/Connection: keep-alive\r\n/gi) ?? []).toHaveLength(answers - 1);
      expect(backend.requests).toHaveLength(answers);
    });

    test("gets no chunks: where nothing tells the length, the connection's end does", async () => {
      const seen = Promise.withResolvers<void>();
      using backend = rawBackend(async (_request, { write }) => {
        await write(CHUNKED);
        await seen.promise;
        await write("2\r\n!!\r\n0\r\n\r\n");
      });
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      await client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
      await client.until(({ text }) => text.endsWith("ok"));
      seen.resolve();
      await client.untilClosed();
      expect(client.text).toContain("\r\nConnection: close\r\n");
      expect(client.text.toLowerCase()).not.toContain("transfer-encoding");
      expect(client.text).toEndWith("\r\n\r\nok!!");
    });
  });

  test("a hundred pipelined requests are a hundred answers in their order", async () => {
    using backend = rawBackend(({ target }, { write }) =>
      write(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`),
    );
    const clients = { a: { capacity: 60, ratePerSec: 0.001 } };
    await using proxy = startProxy({ transport, backends: [backend.url], clients });
    using client = await RawClient.connect(proxy.port);
    const targets = Array.from({ length: 100 }, (_, i) => `/${i}?client_id=a`);
    await client.send(targets.map((target) => requestText(`GET ${target}`)).join(""));
    await client.until(({ text }) => text.split("HTTP/1.1 ").length === 101);
    expect(backend.requests.map(({ target }) => target)).toEqual(targets.slice(0, 60));
    expect([...(client.text.match(/\/\d+\?client_id=a/g) ?? [])]).toEqual(targets.slice(0, 60));
    expect(client.text.match(/HTTP\/1\.1 429 /g)).toHaveLength(40);
  });
});
