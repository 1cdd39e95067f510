// Who pays for a request, and what the answer says about the bucket.

import { describe, expect, test } from "bun:test";
import { OK, answering, rawBackend } from "../../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";
import { RawClient, valuesOf } from "../../support/raw-client.ts";

describe.each(TRANSPORTS)("%s", (transport) => {
  // So slow that no token comes back during a test.
  const SLOW = 0.001;

  async function statuses(url: string, count: number, headers?: HeadersInit): Promise<number[]> {
    const found: number[] = [];
    for (let i = 0; i < count; i++) {
      const response = await fetch(url, headers ? { headers } : {});
      await response.text();
      found.push(response.status);
    }
    return found;
  }

  describe("a registered client", () => {
    test("gets its tokens and not one more, and each answer describes the bucket", async () => {
      using backend = rawBackend();
      await using proxy = startProxy({
        transport,
        backends: [backend.url],
        clients: { client9: { capacity: 10, ratePerSec: 0.01, tokens: 2 } },
      });
      const url = `${proxy.url}/?client_id=client9`;
      const first = await fetch(url);
      expect(first.status).toBe(200);
      expect(first.headers.get("ratelimit-policy")).toBe('"client";q=10;w=1000');
      // The seconds run on while the test does.
      expect(first.headers.get("ratelimit")).toMatch(/^"client";r=1;t=(900|8\d\d)$/);
      expect((await fetch(url)).headers.get("ratelimit")).toMatch(/^"client";r=0;t=(1000|9\d\d)$/);

      const refused = await fetch(url);
      expect(refused.status).toBe(429);
      const wait = refused.headers.get("retry-after");
      expect(wait).toMatch(/^(100|[89]\d)$/);
      expect(refused.headers.get("ratelimit-policy")).toBe('"client";q=10;w=1000');
      expect(refused.headers.get("ratelimit")).toBe(`"client";r=0;t=${wait}`);
      expect(refused.headers.get("cache-control")).toBe("no-store");
      expect(refused.headers.get("content-type")).toBe("application/problem+json");
      expect(await refused.json()).toEqual({
        type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
        title: "Too Many Requests",
        status: 429,
        detail: expect.any(String),
        "violated-policies": ["client"],
      });
      expect(backend.requests).toHaveLength(2);
      expect(proxy.metrics.total("requests_admitted")).toBe(2);
      expect(proxy.metrics.total("requests_limited")).toBe(1);
    });

    test("pays alone: others and anonymous requests are not touched", async () => {
      using backend = rawBackend();
      const clients = {
        a: { capacity: 2, ratePerSec: SLOW },
        b: { capacity: 2, ratePerSec: SLOW },
      };
      await using proxy = startProxy({ transport, backends: [backend.url], clients });
      expect(await statuses(`${proxy.url}/?client_id=a`, 3)).toEqual([200, 200, 429]);
      expect(await statuses(`${proxy.url}/?client_id=b`, 3)).toEqual([200, 200, 429]);
      expect(await statuses(`${proxy.url}/`, 1)).toEqual([200]);
    });

    test("a client_id that is given twice is 400 and costs nothing", async () => {
      using backend = rawBackend();
      await using proxy = startProxy({
        transport,
        backends: [backend.url],
        clients: { a: { capacity: 1, ratePerSec: SLOW } },
      });
      const doubled = await fetch(`${proxy.url}/?client_id=a&client%5Fid=b`);
      expect(doubled.status).toBe(400);
      expect(doubled.headers.has("ratelimit")).toBe(false);
      expect(backend.requests).toHaveLength(0);
      expect(proxy.metrics.total("requests_bad")).toBe(1);
      expect(await statuses(`${proxy.url}/?client_id=a`, 1)).toEqual([200]);
    });
  });

  describe("everyone else", () => {
    test("shares the bucket of the address, whatever the id says", async () => {
      using backend = rawBackend();
      await using proxy = startProxy({
        transport,
        backends: [backend.url],
        anonymous: { capacity: 3, ratePerSec: SLOW },
      });
      const ids = ["?client_id=nobody", "?client_id=", "?client_id=%F0%9F%8D%8C", ""];
      const found: number[] = [];
      for (const query of ids) found.push(...(await statuses(`${proxy.url}/${query}`, 1)));
      expect(found).toEqual([200, 200, 200, 429]);
      const refused = await fetch(proxy.url);
      expect(refused.headers.get("ratelimit-policy")).toBe('"anonymous";q=3;w=3000');
      expect(await refused.json()).toMatchObject({ "violated-policies": ["anonymous"] });
    });

    test("is turned away with 401 where unknown clients are rejected, also without an id", async () => {
      using backend = rawBackend();
      await using proxy = startProxy({
        transport,
        backends: [backend.url],
        clients: { known: { capacity: 5, ratePerSec: 1 } },
        config: { unknownClients: "reject" },
      });
      for (const query of ["", "?client_id=", "?client_id=nobody"]) {
        const refused = await fetch(`${proxy.url}/${query}`);
        expect(refused.status).toBe(401);
        expect(refused.headers.get("www-authenticate")).toContain("client_id");
        expect(refused.headers.has("ratelimit")).toBe(false);
      }
      expect(proxy.metrics.total("requests_rejected")).toBe(3);
      expect(await statuses(`${proxy.url}/?client_id=known`, 1)).toEqual([200]);
      expect(backend.requests).toHaveLength(1);
    });
  });

  describe("behind trusted proxies", () => {
    const trusted = { trustedProxies: ["127.0.0.0/8", "10.0.0.0/8"] };
    const bucket = { capacity: 1, ratePerSec: SLOW };

    test.each([
      ["the last untrusted hop pays", "6.6.6.6, 1.1.1.1", "7.7.7.7, 1.1.1.1"],
      ["trusted hops are walked past", "1.1.1.1, 10.0.0.1", "1.1.1.1, 10.9.9.9"],
      ["a port does not make another client", "1.1.1.1:80", "1.1.1.1:81"],
      ["an IPv6 /64 is one client", "2001:db8::1", "[2001:db8::2]:443"],
      ["a mapped address is the IPv4 one", "::ffff:1.1.1.1", "1.1.1.1"],
      [
        "what is left of a malformed entry is not believed",
        "1.1.1.1, x, 10.0.0.1",
        "2.2.2.2, x, 10.0.0.1",
      ],
      ["an empty entry is malformed", "1.1.1.1,,10.0.0.1", "2.2.2.2,,10.0.0.1"],
    ])("%s", async (_, one, same) => {
      using backend = rawBackend();
      await using proxy = startProxy({
        transport,
        backends: [backend.url],
        anonymous: bucket,
        config: trusted,
      });
      expect(await statuses(proxy.url, 1, { "x-forwarded-for": one })).toEqual([200]);
      expect(await statuses(proxy.url, 1, { "x-forwarded-for": same })).toEqual([429]);
      expect(await statuses(proxy.url, 1, { "x-forwarded-for": "9.9.9.9" })).toEqual([200]);
    });

    test("several fields are one list, the last field nearest", async () => {
      using backend = rawBackend();
      const options = { transport, backends: [backend.url], anonymous: bucket, config: trusted };
      await using proxy = startProxy(options);
      using client = await RawClient.connect(proxy.port);
      const ask = async (...lists: string[]): Promise<number> => {
        const lines = lists.map((list) => `x-forwarded-For: ${list}\r\n`).join("");
        return (await client.exchange(`GET / HTTP/1.1\r\nHost: h\r\n${lines}\r\n`)).status;
      };
      expect(await ask("6.6.6.6, 7.7.7.7", "1.1.1.1, 10.0.0.1", "10.0.0.2")).toBe(200);
      expect(await ask("1.1.1.1")).toBe(429);
      expect(await ask("7.7.7.7", "unknown", "10.0.0.2")).toBe(200);
      // The walk ended at 10.0.0.2, before what is no address.
      expect(await ask("10.0.0.2")).toBe(429);
      expect(await ask("7.7.7.7")).toBe(200);
      expect(valuesOf(backend.requests[0]!, "x-forwarded-for").join(", ")).toBe(
        "6.6.6.6, 7.7.7.7, 1.1.1.1, 10.0.0.1, 10.0.0.2, 127.0.0.1",
      );
    });

    test("a stranger's X-Forwarded-For changes nothing", async () => {
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [backend.url], anonymous: bucket });
      expect(await statuses(proxy.url, 1, { "x-forwarded-for": "1.1.1.1" })).toEqual([200]);
      expect(await statuses(proxy.url, 1, { "x-forwarded-for": "2.2.2.2" })).toEqual([429]);
    });
  });

  describe("a backend's own limits", () => {
    test("stay on the answer beside ours", async () => {
      using backend = rawBackend(
        answering(OK.replace("\r\n\r\n", '\r\nRateLimit: "day";r=7;t=99\r\n\r\n')),
      );
      await using proxy = startProxy({
        transport,
        backends: [backend.url],
        clients: { a: { capacity: 10, ratePerSec: SLOW } },
      });
      using client = await RawClient.connect(proxy.port);
      const answer = await client.exchange(requestText("GET /?client_id=a"));
      expect(valuesOf(answer, "ratelimit").join(", ")).toMatch(
        /^"day";r=7;t=99, "client";r=9;t=\d+$/,
      );
    });

    test("an answer that the gateway makes after admission describes the bucket too", async () => {
      await using proxy = startProxy({
        transport,
        backends: [],
        clients: { a: { capacity: 10, ratePerSec: SLOW } },
      });
      const none = await fetch(`${proxy.url}/?client_id=a`);
      expect(none.status).toBe(503);
      expect(none.headers.get("ratelimit")).toMatch(/^"client";r=9;t=\d+$/);
      expect(await none.text()).toContain("Service not available");
    });
  });
});
