// What a backend and a client see of each other's headers.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { answering, OK, rawBackend, type RecordedRequest } from "../../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";
import { type RawAnswer, RawClient, valuesOf } from "../../support/raw-client.ts";

describe.each(TRANSPORTS)("%s", (transport) => {
  type Headers = Readonly<Record<string, string>>;

  /** What the backend gets when a client sends these headers. */
  async function forwarded(headers: Headers, config = {}) {
    using backend = rawBackend();
    await using proxy = startProxy({ transport, backends: [backend.url], config });
    using client = await RawClient.connect(proxy.port);
    const answer = await client.exchange(requestText("GET /", headers));
    return { answer, request: backend.requests[0]! };
  }

  /** What the client gets when a backend answers with these header lines. */
  async function answered(lines: string): Promise<RawAnswer> {
    using backend = rawBackend(
      answering(
        `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n${lines}\r\nok`,
      ),
    );
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    return await client.exchange(requestText("GET /"));
  }

  describe("hop-by-hop headers", () => {
    const HOP = {
      "Keep-Alive": "timeout=5",
      Proxy: "http://evil.example",
      "Proxy-Connection": "keep-alive",
      "Proxy-Authorization": "Basic eDp5",
      TE: "trailers",
      Trailer: "X-T",
      Upgrade: "h2c",
      "HTTP2-Settings": "AAMAAABkAAQAAP__",
      "X-Private": "1",
      "X-Other": "2",
    };

    test("of a request end at the gateway, with what Connection names", async () => {
      const connection = { Connection: "close, Upgrade, X-Private , x-other" };
      const { request } = await forwarded({ ...HOP, ...connection, "X-Kept": "3" });
      for (const name of Object.keys(HOP))
        expect(valuesOf(request, name.toLowerCase())).toEqual([]);
      expect(valuesOf(request, "connection")).toEqual(transport === "fetch" ? ["keep-alive"] : []);
      expect(valuesOf(request, "x-kept")).toEqual(["3"]);
    });

    test("of an answer end at the gateway, with what Connection names", async () => {
      const answer = await answered(
        "Connection: keep-alive, X-Private\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nX-Private: 1\r\nX-Kept: 2\r\n",
      );
      for (const name of [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "upgrade",
        "x-private",
      ]) {
        expect(valuesOf(answer, name)).toEqual([]);
      }
      expect(valuesOf(answer, "x-kept")).toEqual(["2"]);
    });

    test("Connection cannot strip what the gateway sets, nor the Host", async () => {
      const { request } = await forwarded({
        Connection: "X-Forwarded-For, X-Request-Id, Host, Via",
      });
      expect(valuesOf(request, "host")).toEqual(["gateway.test"]);
      expect(valuesOf(request, "x-forwarded-for")).toEqual(["127.0.0.1"]);
      expect(valuesOf(request, "x-request-id")).toHaveLength(1);
      expect(valuesOf(request, "via")).toEqual(["1.1 gateway"]);
    });

    test("what Connection strips of a trusted proxy's word is said by the gateway instead", async () => {
      const config = { trustedProxies: ["127.0.0.1"] };
      const { request } = await forwarded(
        {
          Connection: "X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host",
          "X-Forwarded-For": "203.0.113.9",
          "X-Forwarded-Proto": "https",
          "X-Forwarded-Host": "front.test",
        },
        config,
      );
      // Who the client is it cannot take away.
      expect(valuesOf(request, "x-forwarded-for")).toEqual(["203.0.113.9, 127.0.0.1"]);
      expect(valuesOf(request, "x-forwarded-proto")).toEqual(["http"]);
      expect(valuesOf(request, "x-forwarded-host")).toEqual(["gateway.test"]);
    });
  });

  describe("forwarding headers", () => {
    const CLAIMED = {
      "X-Forwarded-For": "1.1.1.1",
      "X-Forwarded-Proto": "https",
      "X-Forwarded-Host": "claimed.test",
      "X-Forwarded-Port": "444",
      "X-Forwarded-Client-Cert": "Subject=claimed",
      "X-Real-IP": "1.1.1.1",
      Forwarded: "for=1.1.1.1",
      "X-Request-Id": "claimed",
      Via: "1.0 other",
    };

    test("of a stranger are replaced", async () => {
      const { request, answer } = await forwarded(CLAIMED);
      expect(valuesOf(request, "x-forwarded-for")).toEqual(["127.0.0.1"]);
      expect(valuesOf(request, "x-forwarded-proto")).toEqual(["http"]);
      expect(valuesOf(request, "x-forwarded-host")).toEqual(["gateway.test"]);
      for (const name of [
        "x-forwarded-port",
        "x-forwarded-client-cert",
        "x-real-ip",
        "forwarded",
      ]) {
        expect(valuesOf(request, name)).toEqual([]);
      }
      const [id] = valuesOf(request, "x-request-id");
      expect(id).toMatch(/^[0-9a-f]{16}-[0-9a-f]{12}$/);
      expect(valuesOf(answer, "x-request-id")).toEqual([id!]);
      expect(valuesOf(request, "via").join(", ")).toEqual("1.0 other, 1.1 gateway");
    });

    test("of a trusted proxy are kept and extended", async () => {
      const { request, answer } = await forwarded(CLAIMED, { trustedProxies: ["127.0.0.1"] });
      expect(valuesOf(request, "x-forwarded-for")).toEqual(["1.1.1.1, 127.0.0.1"]);
      expect(valuesOf(request, "x-forwarded-proto")).toEqual(["https"]);
      expect(valuesOf(request, "x-forwarded-host")).toEqual(["claimed.test"]);
      expect(valuesOf(request, "x-forwarded-port")).toEqual(["444"]);
      expect(valuesOf(request, "x-forwarded-client-cert")).toEqual(["Subject=claimed"]);
      expect(valuesOf(request, "forwarded")).toEqual(["for=1.1.1.1"]);
      expect(valuesOf(request, "x-request-id")).toEqual(["claimed"]);
      expect(valuesOf(answer, "x-request-id")).toEqual(["claimed"]);
    });

    test("a request id that cannot go into a log is not taken over", async () => {
      const headers = { "X-Request-Id": `x${"y".repeat(128)}` };
      const { request } = await forwarded(headers, { trustedProxies: ["127.0.0.1"] });
      expect(valuesOf(request, "x-request-id")[0]).toMatch(/^[0-9a-f]{16}-/);
    });
  });

  describe("everything else", () => {
    test("reaches the backend as it was sent, the Host included", async () => {
      const { request } = await forwarded({
        Host: "shop.example:8443",
        "User-Agent": "probe/1",
        Accept: "a/b",
        "Accept-Encoding": "br",
        Cookie: "a=1; b=2",
        Authorization: "Bearer x",
        "X-Latin": "caf\xe9",
      });
      expect(valuesOf(request, "host")).toEqual(["shop.example:8443"]);
      expect(valuesOf(request, "user-agent")).toEqual(["probe/1"]);
      expect(valuesOf(request, "accept")).toEqual(["a/b"]);
      expect(valuesOf(request, "accept-encoding")).toEqual(["br"]);
      expect(valuesOf(request, "cookie")).toEqual(["a=1; b=2"]);
      expect(valuesOf(request, "authorization")).toEqual(["Bearer x"]);
      expect(valuesOf(request, "x-latin")).toEqual(["caf\xe9"]);
    });

    // Bun's fetch adds an empty `User-Agent` instead of its own, and `Accept: */*`, which means the
    // same as none. The test tells when it stops.
    test("nothing is invented but what means nothing", async () => {
      const { request } = await forwarded({});
      const invented = transport === "fetch" ? ["accept", "connection", "user-agent"] : [];
      expect(request.headers.map(([name]) => name).toSorted()).toEqual(
        [
          ...invented,
          "host",
          "traceparent",
          "via",
          "x-forwarded-for",
          "x-forwarded-host",
          "x-forwarded-proto",
          "x-request-id",
        ].toSorted(),
      );
    });

    test("names that could be mistaken for another are dropped", async () => {
      const { request } = await forwarded({
        X_Forwarded_For: "1.1.1.1",
        "X-Forwarded_For": "1.1.1.1",
        Content_Length: "5",
        X_Own: "kept",
      });
      const names = request.headers.map(([name]) => name);
      expect(names.filter((name) => name.includes("_"))).toEqual(["x_own"]);
    });

    test("reaches the client as it was sent: cookies apart, encodings unopened", async () => {
      const answer = await answered(
        'Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nContent-Encoding: gzip\r\nServer: old\r\nETag: W/"1"\r\n',
      );
      expect(valuesOf(answer, "set-cookie")).toEqual(["a=1; Path=/", "b=2"]);
      expect(valuesOf(answer, "content-encoding")).toEqual(["gzip"]);
      expect(answer.body).toBe("ok");
      expect(valuesOf(answer, "server")).toEqual(["old"]);
      expect(valuesOf(answer, "etag")).toEqual(['W/"1"']);
      expect(valuesOf(answer, "via")).toEqual(["1.1 gateway"]);
    });

    test("of an answer, what only looks like a field of one hop stays", async () => {
      const answer = await answered("Proxy-Status: cdn; hit\r\nContent_Type: x\r\nX_Own: 1\r\n");
      expect(valuesOf(answer, "proxy-status")).toEqual(["cdn; hit"]);
      expect(valuesOf(answer, "content_type")).toEqual(["x"]);
      expect(valuesOf(answer, "x_own")).toEqual(["1"]);
    });

    test("redirects are the client's to follow", async () => {
      using backend = rawBackend(
        answering("HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n"),
      );
      await using proxy = startProxy({ transport, backends: [backend.url] });
      const response = await fetch(proxy.url, { redirect: "manual" });
      expect(response.status).toBe(302);
      expect(response.headers.get("location")).toBe("/next");
      expect(backend.requests).toHaveLength(1);
    });

    test("an answer without a Content-Type stays without", async () => {
      using backend = rawBackend(answering(OK.replace("Content-Type: text/plain\r\n", "")));
      await using proxy = startProxy({ transport, backends: [backend.url] });
      using client = await RawClient.connect(proxy.port);
      const answer = await client.exchange(requestText("GET /"));
      expect(valuesOf(answer, "content-type")).toEqual([]);
      expect(answer.body).toBe("ok");
    });
  });

  describe("requests of one connection", () => {
    const LONG = "x".repeat(3000);
    const HEADS: readonly (readonly [string, Headers])[] = [
      ["GET /", {}],
      ["GET /?other=target", {}],
      ["GET /", { "X-A": "1", Cookie: "a=1" }],
      ["GET /", { "X-A": "2", Cookie: "a=1" }],
      ["GET /", { "X-B": "2", Cookie: "a=1" }],
      ["GET /", { "X-A": "1", Cookie: "a=1", Connection: "X-A" }],
      ["GET /", { Host: "other.test" }],
      ["GET http://absolute.test/", {}],
      ["GET /", { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }],
      ["GET /", { "Max-Forwards": "5" }],
      ["OPTIONS /", { "Max-Forwards": "5" }],
      ["GET /", { "X-Forwarded-For": "10.0.0.1", Via: "1.0 before" }],
      ["GET /", { "X-Long": LONG }],
      ["GET /", { "X-Long": `${LONG.slice(1)}y` }],
    ];

    /** Of which every request has its own, but for a trace of the caller's. */
    const OWN = new Set(["x-request-id", "traceparent"]);

    test("arrive as on connections of their own, each with its own ids", async () => {
      using backend = rawBackend();
      await using proxy = startProxy({ transport, backends: [backend.url] });
      const arrived = async (client: RawClient, head: number): Promise<RecordedRequest> => {
        await client.exchange(requestText(...HEADS[head]!));
        return backend.requests.at(-1)!;
      };
      const alone: (readonly [string, string])[][] = [];
      for (const head of HEADS.keys()) {
        using client = await RawClient.connect(proxy.port);
        alone.push(withoutIds((await arrived(client, head)).headers));
      }
      const order = fc.array(fc.nat(HEADS.length - 1), { minLength: 2, maxLength: 30 });
      await fc.assert(
        fc.asyncProperty(order, async (heads) => {
          using client = await RawClient.connect(proxy.port);
          const ids = new Set<string>();
          for (const head of heads) {
            const request = await arrived(client, head);
            expect(withoutIds(request.headers)).toEqual(alone[head]!);
            const given = HEADS[head]![1]["traceparent"];
            const [id, ...more] = valuesOf(request, "x-request-id");
            const [trace] = valuesOf(request, "traceparent");
            expect(more).toEqual([]);
            ids.add(id!);
            if (given === undefined) ids.add(trace!);
            else expect(trace).toBe(given);
          }
          const given = heads.filter((head) => "traceparent" in HEADS[head]![1]).length;
          expect(ids.size).toBe(heads.length * 2 - given);
        }),
        { numRuns: 30 },
      );
    });

    function withoutIds(
      headers: readonly (readonly [string, string])[],
    ): (readonly [string, string])[] {
      return headers.filter(([name]) => !OWN.has(name)).toSorted(([a], [b]) => a.localeCompare(b));
    }
  });
});
