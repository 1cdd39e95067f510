import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createAccessLog, redact } from "../../../src/data/proxy/access-log.ts";
import { eightsOf } from "../../../src/data/http1/phrase.ts";
import { type Asked, Exchange } from "../../../src/data/proxy/exchange.ts";
import { IdStart } from "../../../src/data/proxy/request-ids.ts";
import { createLogger } from "../../../src/shared/log.ts";
import { OK, rawBackend } from "../../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";
import { RawClient, valuesOf } from "../../support/raw-client.ts";

function askedFor(target: string): Asked {
  const bytes = Buffer.from(target, "latin1");
  const [pathStart, targetEnd] = [0, bytes.length];
  const fields = { get: () => null };
  return { method: "GET", target, bytes, pathStart, targetEnd, length: 0, fields };
}

describe("the access log", () => {
  test("has a line for each request, in order, with all that is known of it", async () => {
    using backend = rawBackend();
    const clients = { a: { capacity: 1, ratePerSec: 0.001 } };
    await using proxy = startProxy({ backends: [backend.url], clients });
    for (const path of ["/x?client_id=a&token=t", "/x?client_id=a", "/y"]) {
      await (await fetch(`${proxy.url}${path}`)).text();
    }
    const lines = proxy.logLines();
    expect(lines).toHaveLength(3);
    const [admitted, limited, anonymous] = lines;
    expect(admitted).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      level: "info",
      component: "access",
      message: "request",
      request_id: valuesOf(backend.requests[0]!, "x-request-id")[0],
      trace_id: valuesOf(backend.requests[0]!, "traceparent")[0]!.slice(3, 35),
      client: "a",
      address: "127.0.0.1",
      decision: "admitted",
      backend: backend.url,
      status: 200,
      bytes: 2,
      duration_ms: expect.any(Number),
      method: "GET",
      path: "/x?client_id=a&token=***",
    });
    expect(limited).toMatchObject({ decision: "limited", status: 429, backend: null });
    expect(anonymous).toMatchObject({ client: null, address: "127.0.0.1", path: "/y" });
  });

  test.each(TRANSPORTS)(
    "names the client behind a trusted proxy whatever ends it, by %s",
    async (transport) => {
      using backend = rawBackend();
      const config = { trustedProxies: ["127.0.0.1"], maxBody: 10 };
      await using proxy = startProxy({ backends: [backend.url], transport, config });
      const requests = [
        ["TRACE / HTTP/1.1"],
        ["OPTIONS / HTTP/1.1", "Max-Forwards: 0"],
        ["POST / HTTP/1.1", "Content-Length: 11"],
        ["GET /?client_id=a&client_id=b HTTP/1.1"],
        ["GET /?client_id=a&client%5Fid=b HTTP/1.1"],
        ["GET //not-by-fetch HTTP/1.1"],
        ["GET / HTTP/1.1"],
      ];
      for (const [line = "", ...fields] of requests) {
        using client = await RawClient.connect(proxy.port);
        const own = ["Host: a", "X-Forwarded-For: 203.0.113.9", "Connection: close"];
        await client.send(`${[line, ...own, ...fields].join("\r\n")}\r\n\r\n`);
        await client.untilClosed();
      }
      const lines = proxy.logLines();
      expect(lines.map(({ address }) => address)).toEqual(requests.map(() => "203.0.113.9"));
    },
  );

  test("writes by itself, soon and in one piece", async () => {
    const written: string[] = [];
    const seen = Promise.withResolvers<void>();
    const log = createAccessLog({
      format: "text",
      write: (lines) => {
        written.push(Buffer.from(lines).toString());
        seen.resolve();
      },
    });
    for (let i = 0; i < 3; i++) {
      log.record(new Exchange(askedFor(`/${i}`), 0, "10.0.0.1", false), 1e6);
    }
    expect(written).toHaveLength(0);
    await seen.promise;
    expect(written).toHaveLength(1);
    expect(written[0]!.trimEnd().split("\n")).toHaveLength(3);
  });
});

describe("a line of the access log", () => {
  const TRACE = "0af7651916cd43dd8448eb211c80319c";
  const exchangeOf = (values: Partial<Exchange>, target = "/") => {
    const { clientId = null, ...others } = values;
    const exchange = new Exchange(askedFor(target), 0, "10.0.0.1", false);
    if (clientId !== null) exchange.identified(0, 0, 0, clientId);
    return Object.assign(
      exchange,
      { traceDigits: eightsOf(`${"0".repeat(16)}${TRACE}`), traceAt: 2 },
      others,
    );
  };
  const lineOf = (exchange: Exchange, elapsed: number) => {
    let lines = "";
    const write = (bytes: Uint8Array) => void (lines += Buffer.from(bytes).toString());
    const log = createAccessLog({ format: "json", write });
    log.record(exchange, elapsed);
    log.flush();
    return lines;
  };

  test("says what the logger would say of the same fields, whatever a stranger sent", () => {
    // One character a byte, as a request's target is read.
    const anything = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
      maxLength: 40,
    });
    const values = fc.record({
      clientId: fc.option(anything),
      address: fc.constantFrom("", "::1"),
      decision: fc.constantFrom("admitted" as const, "limited" as const),
      backendUrl: fc.constantFrom(null, "http://b:1"),
      status: fc.integer({ min: 0, max: 599 }),
      bytes: fc.option(fc.maxSafeNat()),
      brokenBy: fc.constantFrom(null, "client" as const),
      failure: fc.constantFrom(null, "unconnected" as const),
    });
    const elapsed = fc.nat(1e15);
    const id = fc.oneof(
      anything.map((givenId) => ({ givenId })),
      fc.constant({ idStart: new IdStart("0123456789abcdef-000000000"), idEnd: 15 }),
    );
    fc.assert(
      fc.property(values, id, anything, elapsed, (given, ids, target, ns) => {
        const line = lineOf(exchangeOf({ ...given, ...ids }, target), ns);
        expect(line.endsWith("}\n")).toBe(true);
        let expected = "";
        const writer = { write: (text: string) => void (expected += text) };
        const log = createLogger({ level: "info", format: "json", component: "access", writer });
        log.info("request", {
          request_id: "givenId" in ids ? ids.givenId : "0123456789abcdef-00000000000f",
          trace_id: TRACE,
          client: given.clientId,
          address: given.address || "10.0.0.1",
          decision: given.decision,
          backend: given.backendUrl,
          status: given.status,
          bytes: given.bytes,
          duration_ms: Math.round(ns / 1e3) / 1e3,
          method: "GET",
          path: redact(target),
          broken_by: given.brokenBy ?? undefined,
          failure: given.failure === null ? undefined : "connect",
        });
        const [first, ...rest] = [line, expected].map((each) =>
          each.replace(/"time":"[^"]+"/, "").replace(/"duration_ms":[^,]+/, ""),
        );
        expect(rest).toEqual([first!]);
        const parsed = [line, expected].map((each) => JSON.parse(each).duration_ms);
        expect(parsed[0]).toBe(parsed[1]);
        // oxlint-disable-next-line no-control-regex -- control characters are what it is about
        expect(line.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      }),
    );
  });

  test("is handed on in pieces of some 200 KB, each of whole lines", () => {
    const pieces: string[] = [];
    const write = (bytes: Uint8Array) => void pieces.push(Buffer.from(bytes).toString());
    const log = createAccessLog({ format: "json", write });
    for (let i = 0; i < 3000; i++) log.record(exchangeOf({ givenId: `${i}` }, `/${i}`), i);
    log.flush();
    expect(pieces.length).toBeGreaterThan(2);
    const ids = pieces.flatMap((piece) => {
      expect(piece.endsWith("\n")).toBe(true);
      expect(piece.length).toBeLessThan(202_000);
      return piece
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).request_id);
    });
    expect(ids).toEqual(Array.from({ length: 3000 }, (_, i) => `${i}`));
  });
});

describe("what is secret in a query", () => {
  test.each([
    ["/p", "/p"],
    ["/p?client_id=a&x=1", "/p?client_id=a&x=1"],
    ["/p?client_id=key%3Dtoken=", "/p?client_id=key%3Dtoken="],
    ["/p?client_id=a&token=b", "/p?client_id=a&token=***"],
    ["/p?token=b&client_id=a", "/p?token=***&client_id=a"],
    ["/p?%74oken%ZZ=b&k%65y=c", "/p?%74oken%ZZ=***&k%65y=***"],
    ["/p?%FFt%6Fken=b&%FF=c", "/p?%FFt%6Fken=***&%FF=c"],
    ["/p?passphrase=b&private_key=c", "/p?passphrase=***&private_key=***"],
    ["/p?token=b?client_id=a", "/p?token=***"],
    ["/p?token=a&access_token=b&ID_TOKEN=c", "/p?token=***&access_token=***&ID_TOKEN=***"],
    ["/p?api_key=a&apikey=b&x-api-key=c&key=d", "/p?api_key=***&apikey=***&x-api-key=***&key=***"],
    ["/p?password=a&passwd=b&pwd=c&pass=d", "/p?password=***&passwd=***&pwd=***&pass=***"],
    [
      "/p?code=a&auth=b&sig=c&X-Amz-Signature=d",
      "/p?code=***&auth=***&sig=***&X-Amz-Signature=***",
    ],
    ["/p?client_secret=a", "/p?client_secret=***"],
    ["/p?to%6ben=a", "/p?to%6ben=***"],
    ["/p?token=a=b?c", "/p?token=***"],
    ["/p?monkey=a&author=b&zipcode=c&token", "/p?monkey=a&author=b&zipcode=c&token"],
    ["/p?%zz=a", "/p?%zz=a"],
  ])("%s", (target, shown) => {
    expect(redact(target)).toBe(shown);
  });
});

test.each(TRANSPORTS)(
  "%s: each line is about its own request, whatever came behind it",
  async (transport) => {
    using backend = rawBackend((_, { write }) => write(OK));
    const bucket = { capacity: 100, ratePerSec: 1 };
    await using proxy = startProxy({
      transport,
      backends: [backend.url],
      clients: { alice: bucket, bob: { ...bucket, tokens: 0 }, "c:1": bucket },
    });
    using client = await RawClient.connect(proxy.port);
    const asked = [
      ["/a?client_id=alice", "alice", 200],
      ["/somewhere/else?client_id=bob", "bob", 429],
      ["/b?x=1&client_id=c%3A1", "c:1", 200],
      ["/none", null, 200],
      ["/a?client_id=alice", "alice", 200],
    ] as const;
    await client.exchange(requestText("GET /first"));
    await client.send(asked.map(([target]) => requestText(`GET ${target}`)).join(""));
    await backend.until(() => backend.requests.length === 5);
    await proxy.idle();
    // An answer of the gateway's own may be over before the one in front of it is written down.
    const lines = proxy.logLines().slice(1);
    const said = lines.map(({ path, client: id, status }) => [path, id, status].join(" "));
    expect(said.toSorted()).toEqual(asked.map((line) => line.join(" ")).toSorted());
  },
);
