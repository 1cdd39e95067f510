// HTTP/1.1 as both sides of the gateway see it, byte by byte, over either transport: what the backend
// got is what the gateway checked, and nobody gets an answer that is not theirs.

import { describe, expect, test } from "bun:test";
import { BODIES, HEADS } from "../data/http1/gadgets.ts";
import { OK, rawBackend } from "../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../support/proxy.ts";
import { RawClient, valuesOf } from "../support/raw-client.ts";

const NEXT = "GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n";

describe.each(TRANSPORTS)("by %s", (transport) => {
  const byFetch = transport === "fetch";

  describe("what two parsers could read differently", () => {
    test.each(HEADS.filter(([, status]) => status >= 400))(
      "is refused, and what follows it is not a request: %s",
      async (_, status, head) => {
        using backend = rawBackend();
        await using proxy = startProxy({ transport, backends: [backend.url] });
        using client = await RawClient.connect(proxy.port);
        // A head with a bare CR or NUL may be refused before the rest was sent.
        await client.send(`${head}0\r\n\r\n${NEXT}`);
        await client.untilClosed();
        expect(client.text).toStartWith(`HTTP/1.1 ${status} `);
        expect(client.text.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
        expect(backend.requests).toHaveLength(0);
        expect(proxy.errors).toEqual([]);
      },
    );

    test.each(BODIES.filter(([, valid]) => !valid))(
      "breaks the request off in a chunked body: %s",
      async (_, __, body) => {
        using backend = rawBackend(() => {});
        await using proxy = startProxy({ transport, backends: [backend.url] });
        using client = await RawClient.connect(proxy.port);
        await client.send(
          `${requestText("POST /", { "Transfer-Encoding": "chunked" })}${body}${NEXT}`,
        );
        await client.untilClosed();
        expect(client.text.match(/^HTTP\/1\.1 /gm) ?? []).toHaveLength(1);
        expect(client.text).toStartWith("HTTP/1.1 400 ");
        const got = backend.requests.map(({ head, body: rest }) => head + rest).join("");
        expect(got).not.toContain("/smuggled");
        // The backend must not take what it got for the whole.
        expect(got.endsWith("0\r\n\r\n")).toBe(false);
        await proxy.idle();
      },
    );
  });

  test("pipelined requests are answered in order, each with its own answer", async () => {
    const slow = Promise.withResolvers<void>();
    using backend = rawBackend(async ({ target }, { write }) => {
      if (target === "/1") await slow.promise;
      await write(OK.replace("ok", target));
    });
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    await client.send([1, 2, 3].map((i) => requestText(`GET /${i}`)).join(""));
    await backend.until(() => backend.requests.length === 1);
    slow.resolve();
    await client.until(({ text }) => text.includes("/3"));
    expect(client.text.match(/\/[123]$|\/[123](?=HTTP)/gm)).toEqual(["/1", "/2", "/3"]);
  });

  test("a request cut into single bytes is the same request", async () => {
    using backend = rawBackend(async (request, { write }) => {
      await backend.until(() => request.body.length === 5);
      await write(OK);
    });
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    for (const byte of requestText("PUT /a?b=c", { "Content-Length": "5" }, "hello")) {
      await client.send(byte);
    }
    await client.until(({ text }) => text.endsWith("ok"));
    expect(backend.requests[0]).toMatchObject({ method: "PUT", target: "/a?b=c", body: "hello" });
  });

  test.each([
    ["/", true],
    ["/a%2Fb%20c;d=1,e!$&()*+:@-._~", true],
    ["/a?b=c&d=%20&&e=?/", true],
    ["/a//b", true],
    ["/a|b", true],
    ["//a", !byFetch],
    ["/a/../b", !byFetch],
    ["/./a", !byFetch],
    ["/%2e%2e/a", !byFetch],
    ["/a\\b", !byFetch],
    ['/"a"', !byFetch],
    ["/{a}", !byFetch],
    ["/a?b='c'", !byFetch],
    ['/a?"<>', !byFetch],
    ["/caf\xe9", !byFetch],
    ["/a?\xff\xfe", !byFetch],
  ])("the target %s arrives byte for byte or is refused", async (target, arrives) => {
    using backend = rawBackend();
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    const answer = await client.exchange(requestText(`GET ${target}`));
    expect(answer.status).toBe(arrives ? 200 : 400);
    expect(backend.requests.map((request) => request.target)).toEqual(arrives ? [target] : []);
  });

  test.each([
    ["http://other.test:81/a?b", "/a?b", "other.test:81"],
    ["http://other.test", "/", "other.test"],
  ])("the absolute target %s goes to its own host", async (target, path, host) => {
    using backend = rawBackend();
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    expect((await client.exchange(requestText(`GET ${target}`))).status).toBe(200);
    expect(backend.requests[0]!.target).toBe(path);
    expect(valuesOf(backend.requests[0]!, "host")).toEqual([host]);
  });

  test.each([["get"], ["FOO"], ["M-SEARCH2"], ["Post"]])(
    "the method %s arrives as it is or is refused, and the connection goes on",
    async (method) => {
      using backend = rawBackend(async (_, { write }) => await write(OK));
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      const head = requestText(`${method} /`);
      if (byFetch) {
        expect((await client.exchange(head)).status).toBe(501);
        expect(backend.requests).toHaveLength(0);
      } else {
        expect((await client.exchange(head)).status).toBe(200);
        expect(backend.requests[0]!.method).toBe(method);
      }
      expect(client.closed).toBe(false);
    },
  );

  test("trailers end here, the body they follow arrives whole", async () => {
    using backend = rawBackend(async (request, { write }) => {
      await backend.until(() => request.body.endsWith("0\r\n\r\n"));
      await write(
        "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n",
      );
    });
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    const body = "5;ext=1\r\nhello\r\n0\r\nX-T: 1\r\nContent-Length: 9\r\n\r\n";
    const headers = { "Transfer-Encoding": "chunked", Trailer: "X-T" };
    const answer = await client.exchange(requestText("POST /", headers, body));
    expect(answer).toMatchObject({ status: 200, body: "ok" });
    expect(backend.requests[0]!.body).not.toContain("X-T");
    expect(backend.requests[0]!.body).toContain("hello");
    expect(client.text).not.toContain("X-T");
  });

  test("a byte too many behind an answer reaches nobody", async () => {
    using backend = rawBackend((_, { write }) => write(`${OK}HTTP/1.1 200 OK\r\nX-Evil: 1\r\n`));
    await using proxy = startProxy({ transport, backends: [backend.url] });
    for (let i = 0; i < 4; i++) {
      using client = await RawClient.connect(proxy.port);
      const answer = await client.exchange(requestText("GET /"));
      expect([answer.status, answer.body]).toEqual([200, "ok"]);
      expect(valuesOf(answer, "x-evil")).toEqual([]);
      expect(client.text).not.toContain("Evil");
    }
  });

  test("an early answer ends the exchange, and the rest of the body goes nowhere else", async () => {
    using backend = rawBackend((_, { write }) =>
      write("HTTP/1.1 403 No Way\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nno"),
    );
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    await client.send(requestText("POST /", { "Content-Length": "1000000" }, "x".repeat(1000)));
    await client.until(({ text }) => text.endsWith("no"));
    expect(client.text).toStartWith("HTTP/1.1 403 No Way\r\n");
    void client.send(`${"x".repeat(999_000)}${NEXT}`).catch(() => {});
    await client.untilClosed();
    expect(backend.requests.map(({ target }) => target)).toEqual(["/"]);
    await proxy.idle();
  });

  test("reason phrases reach the client", async () => {
    using backend = rawBackend((_, { write }) =>
      write("HTTP/1.1 418 Short and Stout\r\nContent-Length: 0\r\n\r\n"),
    );
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    expect((await client.exchange(requestText("GET /"))).statusText).toBe("Short and Stout");
  });

  test("Expect: 100-continue is answered when the body is wanted, not when it is refused", async () => {
    using backend = rawBackend(async (request, { write }) => {
      await backend.until(() => request.body === "hello");
      await write(OK);
    });
    const clients = { a: { capacity: 1, ratePerSec: 0.001 } };
    await using proxy = startProxy({ transport, backends: [backend.url], clients });
    using client = await RawClient.connect(proxy.port);
    const head = requestText("POST /?client_id=a", {
      Expect: "100-continue",
      "Content-Length": "5",
    });
    await client.send(head);
    await client.until(({ text }) => text.startsWith("HTTP/1.1 100 "));
    await client.send("hello");
    await client.until(({ text }) => text.endsWith("ok"));
    using other = await RawClient.connect(proxy.port);
    await other.send(head);
    await other.untilClosed();
    expect(other.text).toStartWith("HTTP/1.1 429 ");
    expect(valuesOf(backend.requests[0]!, "expect")).toEqual([]);
  });

  describe("slow clients", () => {
    const limits = { bodyIdleMs: 300, headMs: 300, writeIdleMs: 300 };

    test.each([
      ["head", "GET / HT"],
      ["body", requestText("POST /", { "Content-Length": "5" }, "he")],
    ])("that stop in the middle of a %s are cut with 408, others go on", async (_, text) => {
      using backend = rawBackend((request, { write }) =>
        request.method === "GET" ? write(OK) : undefined,
      );
      await using proxy = startProxy({ transport, backends: [backend.url], limits });
      using client = await RawClient.connect(proxy.port);
      await client.send(text);
      expect((await fetch(proxy.url)).status).toBe(200);
      await client.untilClosed();
      expect(client.text).toStartWith("HTTP/1.1 408 ");
      await proxy.idle();
    });
  });

  describe("more connections than allowed", () => {
    test.each([
      [503, { connections: 2 }],
      [429, { connectionsPerAddress: 2 }],
    ])("are answered with %d and closed, those before go on", async (status, limits) => {
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [backend.url], limits });
      using one = await RawClient.connect(proxy.port);
      using two = await RawClient.connect(proxy.port);
      expect((await one.exchange(requestText("GET /"))).status).toBe(200);
      using three = await RawClient.connect(proxy.port);
      await three.untilClosed();
      expect(three.text).toStartWith(`HTTP/1.1 ${status} `);
      expect(three.text).toContain("\r\nRetry-After: ");
      expect((await two.exchange(requestText("GET /"))).status).toBe(200);
    });
  });
});

test("pooled connections change neither the order nor the spelling of fields", async () => {
  using backend = rawBackend((_, { write }) =>
    write("HTTP/1.1 200 OK\r\nX-b: 1\r\nSET-cookie: a\r\nx-B: 2\r\nContent-Length: 0\r\n\r\n"),
  );
  await using proxy = startProxy({ transport: "pooled", backends: [backend.url] });
  using client = await RawClient.connect(proxy.port);
  await client.exchange("GET / HTTP/1.1\r\nx-ONE: 1\r\nHost: h\r\nCookie: a\r\nX-one: 2\r\n\r\n");
  expect(backend.requests[0]!.head).toContain("x-ONE: 1\r\nCookie: a\r\nX-one: 2\r\n");
  expect(client.text).toContain("X-b: 1\r\nSET-cookie: a\r\nx-B: 2\r\n");
});
