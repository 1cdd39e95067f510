// Requests that are about the gateway itself, or go only so far.

import { describe, expect, test } from "bun:test";
import { rawBackend } from "../../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";
import { RawClient, valuesOf } from "../../support/raw-client.ts";

describe.each(TRANSPORTS)("%s", (transport) => {
  /** Whose bucket holds no token. */
  const anonymous = { capacity: 1, ratePerSec: 0.001 };

  test.each([
    ["OPTIONS on the whole server", "OPTIONS *", {}],
    ["its absolute form", "OPTIONS http://gateway.test", {}],
    ["OPTIONS that may go no further", "OPTIONS /a?client_id=b", { "Max-Forwards": "0" }],
    ["the same with zeros in front", "OPTIONS /", { "max-forwards": "000" }],
    [
      "the same though Connection names it",
      "OPTIONS /",
      { "Max-Forwards": "0", Connection: "max-forwards" },
    ],
  ])("%s is answered by the gateway, for no token", async (_, line, headers) => {
    using backend = rawBackend();
    await using proxy = startProxy({ transport, backends: [backend.url], anonymous });
    using client = await RawClient.connect(proxy.port);
    expect((await client.exchange(requestText("GET /"))).status).toBe(200);
    for (let i = 0; i < 3; i++) {
      const answer = await client.exchange(requestText(line, headers));
      expect(answer).toMatchObject({ status: 200, body: "" });
      expect(valuesOf(answer, "allow")).toEqual(["GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"]);
      expect(valuesOf(answer, "content-length")).toEqual(["0"]);
      expect(valuesOf(answer, "ratelimit")).toEqual([]);
    }
    expect((await client.exchange(requestText("GET /"))).status).toBe(429);
    expect(backend.requests).toHaveLength(1);
    expect(proxy.metrics.total("requests_answered")).toBe(3);
    expect(proxy.metrics.total("requests_bad")).toBe(0);
    await proxy.idle();
    expect(proxy.logLines()[1]).toMatchObject({ status: 200, decision: "answered" });
  });

  test.each([
    ["OPTIONS", "1", "0"],
    ["OPTIONS", "0010", "9"],
    ["OPTIONS", "2147483647", "2147483646"],
    ["OPTIONS", "9".repeat(400), "2147483647"],
    // To any other method it means nothing.
    ["GET", "0", "0"],
    ["GET", "x", "x"],
    ["POST", "5", "5"],
  ])("%s with Max-Forwards: %s goes on with %s", async (method, given, left) => {
    using backend = rawBackend();
    await using proxy = startProxy({ transport, backends: [backend.url], anonymous });
    using client = await RawClient.connect(proxy.port);
    const answer = await client.exchange(requestText(`${method} /`, { "Max-Forwards": given }));
    expect(answer.status).toBe(200);
    expect(valuesOf(backend.requests[0]!, "max-forwards")).toEqual([left]);
    expect((await client.exchange(requestText("GET /"))).status).toBe(429);
  });

  test.each(["", "-1", "+1", "1.0", "0x1", "1, 1", "1\r\nMax-Forwards: 1", "one"])(
    "Max-Forwards: %j of OPTIONS is refused",
    async (given) => {
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      const answer = await client.exchange(requestText("OPTIONS /", { "Max-Forwards": given }));
      expect(answer.status).toBe(400);
      expect(answer.body).toContain("Max-Forwards");
      expect(backend.requests).toHaveLength(0);
      expect(proxy.metrics.total("requests_bad")).toBe(1);
    },
  );

  test.each(["0", "1", "x"])("TRACE with Max-Forwards: %s is 405 all the same", async (given) => {
    using backend = rawBackend();
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    const answer = await client.exchange(requestText("TRACE /", { "Max-Forwards": given }));
    expect(answer.status).toBe(405);
    expect(backend.requests).toHaveLength(0);
  });
});
