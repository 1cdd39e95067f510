// Every request is counted once, by what became of it: what the metrics say is what a client saw.

import { describe, expect, test } from "bun:test";
import { DECISIONS, METHOD_CLASSES, STATUS_CLASSES } from "../../../src/shared/metric-columns.ts";
import type { MetricsTable } from "../../../src/shared/metrics-table.ts";
import { answering, rawBackend } from "../../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";
import { parseHeaders, RawClient, valuesOf } from "../../support/raw-client.ts";

/** `admitted GET 2xx`: those that are not zero. */
function answers(metrics: MetricsTable): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [d, decision] of DECISIONS.entries()) {
    for (const [m, method] of METHOD_CLASSES.entries()) {
      for (const [s, status] of STATUS_CLASSES.entries()) {
        const count = metrics.answers(d, m, s);
        if (count > 0) found[`${decision} ${method} ${status}`] = count;
      }
    }
  }
  return found;
}

const limiter = (metrics: MetricsTable) =>
  (["client_admitted", "client_limited", "anonymous_admitted", "anonymous_limited"] as const).map(
    (name) => metrics.total(`limiter_${name}`),
  );

describe.each(TRANSPORTS)("%s", (transport) => {
  test("by decision, method and status, and by the bucket that decided", async () => {
    using backend = rawBackend(answering("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    await using proxy = startProxy({
      transport,
      backends: [backend.url],
      clients: { a: { capacity: 2, ratePerSec: 0.001 } },
      anonymous: { capacity: 3, ratePerSec: 0.001 },
    });
    using client = await RawClient.connect(proxy.port);
    const send = (line: string) => client.exchange(requestText(line));
    for (let i = 0; i < 5; i++) await send("GET /?client_id=a");
    for (let i = 0; i < 4; i++) await send("DELETE /?client_id=b");
    await send("GET /?client_id=a&client_id=a");
    await proxy.idle();
    const { metrics } = proxy;
    expect(answers(metrics)).toEqual({
      "admitted GET 4xx": 2,
      "limited GET 4xx": 3,
      "admitted DELETE 4xx": 3,
      "limited DELETE 4xx": 1,
      "bad_request GET 4xx": 1,
    });
    expect(limiter(metrics)).toEqual([2, 3, 3, 1]);
    const count = (name: "own" | "request" | "upstream") =>
      metrics.histogram(name).buckets.reduce((sum, bucket) => sum + bucket, 0);
    expect([count("request"), count("own"), count("upstream")]).toEqual([10, 10, 5]);
  });

  test("a method that few use counts among the others, an error of ours as 5xx", async () => {
    await using proxy = startProxy({ transport, backends: [] });
    using client = await RawClient.connect(proxy.port);
    await client.exchange(requestText("PROPFIND /"));
    await client.exchange(requestText("GET /"));
    await proxy.idle();
    expect(answers(proxy.metrics)).toEqual({ "admitted other 5xx": 1, "admitted GET 5xx": 1 });
  });

  test("a request that is tried twice is one request, and a retry of the backend that answers", async () => {
    using dead = rawBackend((_, { socket }) => socket.terminate());
    using alive = rawBackend();
    await using proxy = startProxy({ transport, backends: [dead.url, alive.url] });
    using client = await RawClient.connect(proxy.port);
    // Each meets the dead one first: the other try moves the rotation on as well.
    for (let i = 0; i < 2; i++) await client.exchange(requestText("GET /"));
    await proxy.idle();
    expect(answers(proxy.metrics)).toEqual({ "admitted GET 2xx": 2 });
    const views = new Map(proxy.backends.snapshot().map((view) => [view.url, view]));
    expect(views.get(alive.url)).toMatchObject({ requests: 2, retries: 2, failures: 0 });
    expect(views.get(dead.url)).toMatchObject({ retries: 0, failures: 2 });
  });

  test("what was no request is counted apart", async () => {
    await using proxy = startProxy({ transport, backends: [] });
    for (const bytes of ["nonsense\r\n\r\n", "GET / HTTP/3.0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"]) {
      using client = await RawClient.connect(proxy.port);
      await client.send(bytes);
      await client.until(({ text }) => text.includes("\r\n\r\n"));
    }
    const { metrics } = proxy;
    expect([metrics.total("unread_400"), metrics.total("unread_505")]).toEqual([2, 1]);
    expect(answers(metrics)).toEqual({});
  });

  test.each([
    ["malformed from its first chunk on", "", "zz\r\n", 400],
    ["malformed behind a good chunk", "2\r\nok\r\n", "zz\r\n", 400],
    ["too slow", "2\r\nok\r\n", "", 408],
  ])(
    "a request whose body is %s counts once, with the answer it got",
    async (_, good, bad, status) => {
      using backend = rawBackend(() => {});
      const limits = { bodyIdleMs: 100 };
      await using proxy = startProxy({ transport, backends: [backend.url], limits });
      using client = await RawClient.connect(proxy.port);
      await client.send(requestText("POST /", { "Transfer-Encoding": "chunked" }, good));
      if (good !== "") await backend.until(() => backend.requests.length === 1);
      await client.send(bad);
      await client.untilClosed();
      expect(client.text).toStartWith(`HTTP/1.1 ${status} `);
      await proxy.idle();
      const { metrics } = proxy;
      expect(answers(metrics)).toEqual({ "admitted POST 4xx": 1 });
      expect(metrics.total(`unread_${status as 400 | 408}`)).toBe(0);
      expect(metrics.total("client_aborts")).toBe(0);
      const [line] = proxy.logLines();
      expect(line).toMatchObject({ decision: "admitted", status, bytes: null });
      expect(line).not.toHaveProperty("broken_by");
    },
  );

  test("what a backend kept waiting is not the gateway's own time", async () => {
    using dead = rawBackend((_, { socket }) => socket.terminate());
    await using proxy = startProxy({ transport, backends: [dead.url] });
    using client = await RawClient.connect(proxy.port);
    await client.exchange(requestText("POST /", { "content-length": "0" }));
    await proxy.idle();
    expect(answers(proxy.metrics)).toEqual({ "admitted POST 5xx": 1 });
    expect(proxy.metrics.histogram("own").buckets.every((count) => count === 0)).toBe(true);
  });
});

test("fetch: an answer that breaks off counts as what the client got: a 502 like any other if its head had not left", async () => {
  using backend = rawBackend((_, { socket }) => {
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  });
  // Whether the head leaves before the end is seen is a matter of moments; it nearly always comes to
  // both, and counts must be right for either.
  for (let tries = 0; tries < 50; tries++) {
    await using proxy = startProxy({ transport: "fetch", backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    await client.send(requestText("GET /"));
    await client.until(({ text }) => text.includes("\r\n\r\n"));
    const early = client.text.startsWith("HTTP/1.1 502 ");
    if (early) {
      const headers = parseHeaders(client.text.slice(0, client.text.indexOf("\r\n\r\n")));
      const fields = ["x-request-id", "ratelimit-policy", "ratelimit", "date"];
      for (const name of fields)
        expect([name, valuesOf({ headers }, name).length]).toEqual([name, 1]);
    }
    await proxy.idle();
    expect(answers(proxy.metrics)).toEqual({ [`admitted GET ${early ? 5 : 2}xx`]: 1 });
    expect(proxy.metrics.total("responses_gateway_5xx")).toBe(early ? 1 : 0);
    expect(proxy.metrics.total("responses_backend_2xx")).toBe(early ? 0 : 1);
    expect(proxy.metrics.total("upstream_reset")).toBe(1);
    expect(proxy.logLines()).toMatchObject([{ status: early ? 502 : 200, backend: backend.url }]);
    if (early) break;
  }
});
