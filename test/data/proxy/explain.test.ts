// What explain says is what then happens, and asking changes nothing.

import { afterAll, describe, expect, test } from "bun:test";
import { createExplain, type ExplainOptions } from "../../../src/data/proxy/explain.ts";
import { AnonymousTable } from "../../../src/shared/anonymous-table.ts";
import { BackendTable } from "../../../src/shared/backend-table.ts";
import { BALANCERS } from "../../../src/shared/balancing/balancer.ts";
import { ClientTable } from "../../../src/shared/client-table.ts";
import type { ExplainQuery } from "../../../src/shared/explanation.ts";
import { newTake } from "../../../src/shared/gcra.ts";
import { startControl } from "../../support/control-server.ts";

const SECOND = 1e9;
const URLS = ["http://10.0.0.1:80", "http://10.0.0.2:80", "http://10.0.0.3:80"];

function setUp(
  config: Partial<ExplainOptions["config"]> = {},
  urls: readonly string[] = URLS,
  maxInFlight: number | null = null,
) {
  const now = 100 * SECOND;
  const clients = new ClientTable(ClientTable.reserve({ maxClients: 16 }));
  clients.add("a", { capacity: 10, ratePerSec: 2 }, 5.5, now);
  clients.add("empty", { capacity: 10, ratePerSec: 2 }, 0.5, now);
  const limit = { capacity: 4, ratePerSec: 49 };
  const anonymous = new AnonymousTable(AnonymousTable.reserve(limit));
  const { balancer = "round_robin" } = config;
  const backends = new BackendTable(BackendTable.reserve({ workers: 1, fall: 3, balancer }), 0);
  backends.setBackends(urls.map((url) => ({ url, weight: 1, maxInFlight })));
  for (const { slot } of backends.snapshot()) backends.setHealthy(slot, true, 0);
  const explain = createExplain({
    config: {
      anonymous: limit,
      maxBody: 1000,
      transport: "fetch",
      trustedProxies: [],
      unknownClients: "anonymous",
      balancer,
      ...config,
    },
    reserved: ["/own"],
    clients,
    anonymous,
    backends,
    clock: () => now,
  });
  const ask = (
    target: string,
    more: Partial<Pick<ExplainQuery, "peer" | "method" | "version">> & {
      headers?: HeadersInit;
    } = {},
  ) =>
    explain({
      method: more.method ?? "GET",
      target,
      version: more.version ?? "HTTP/1.1",
      headers: new Headers(more.headers),
      peer: more.peer ?? "192.0.2.1",
    });
  return { now, clients, anonymous, backends, ask };
}

describe("who is asking", () => {
  test("a registered client, and its bucket", () => {
    expect(setUp().ask("/?client_id=a")).toEqual({
      decision: "admitted",
      status: null,
      reasons: [
        "client_id names the registered client a.",
        "Its bucket holds 5.5 tokens, of which it takes one.",
        "By round_robin, this backend is next.",
      ],
      identity: { kind: "client", client_id: "a" },
      bucket: {
        policy: "client",
        capacity: 10,
        rate_per_sec: 2,
        current_tokens: 5.5,
        full_in_sec: 2.25,
        next_token_in_sec: 0,
      },
      backend: { id: expect.any(String), url: URLS[0]! },
    });
  });

  test("its rate is the one that was set, whatever a division would make of it", () => {
    const { clients, ask, now } = setUp();
    clients.add("odd", { capacity: 1, ratePerSec: 49 }, 1, now);
    expect(ask("/?client_id=odd").bucket).toMatchObject({ capacity: 1, rate_per_sec: 49 });
    expect(ask("/").bucket).toMatchObject({ capacity: 4, rate_per_sec: 49 });
  });

  test("an address, an IPv6 network, and one behind trusted proxies", () => {
    const { ask } = setUp({ trustedProxies: ["10.0.0.0/8"] });
    expect(ask("/").identity).toEqual({
      kind: "anonymous",
      address: "192.0.2.1",
      bucket_of: "192.0.2.1",
    });
    expect(ask("/?client_id=no", { peer: "2001:db8::5" }).identity).toMatchObject({
      bucket_of: "2001:db8::/64",
    });
    const headers = { "x-forwarded-for": "198.51.100.7, 10.0.0.9" };
    const behind = ask("/", { peer: "10.1.1.1", headers });
    expect(behind.identity).toMatchObject({ address: "198.51.100.7" });
    expect(behind.reasons[0]).toContain("which the trusted proxies say it comes from");
    expect(ask("/", { headers }).identity).toMatchObject({ address: "192.0.2.1" });
  });
});

describe("what becomes of it", () => {
  test("no token left", () => {
    const answer = setUp().ask("/?client_id=empty");
    expect(answer).toMatchObject({ decision: "limited", status: 429, backend: null });
    expect(answer.bucket!.next_token_in_sec).toBeCloseTo(0.25, 6);
  });

  test("unknown clients are not served", () => {
    const { ask } = setUp({ unknownClients: "reject" });
    for (const target of ["/", "/?client_id=no"]) {
      expect(ask(target)).toMatchObject({ decision: "rejected", status: 401, bucket: null });
    }
    expect(ask("/?client_id=a").decision).toBe("admitted");
  });

  test("requests that nobody asks about", () => {
    const { ask } = setUp();
    const headers = { "content-length": "1001" };
    expect(ask("/?client_id=a&client_id=a")).toMatchObject({ decision: "bad", status: 400 });
    expect(ask("/", { method: "POST", headers })).toMatchObject({ decision: "bad", status: 413 });
    expect(ask("/", { method: "TRACE" })).toMatchObject({ decision: "bad", status: 405 });
    const last = { method: "OPTIONS", headers: { "max-forwards": "0" } };
    expect(ask("/", last)).toMatchObject({ decision: "answered", status: 200, bucket: null });
  });

  test("what is no request to the server", () => {
    const { ask } = setUp({ transport: "pooled" });
    const refused = ask("/", { headers: { "content-length": "many" } });
    expect(refused).toMatchObject({ decision: "bad", status: 400, bucket: null, backend: null });
    expect(refused.reasons).toEqual([
      "It is refused before it is a request: a Content-Length that is not a number of bytes.",
    ]);
    expect(ask("/", { headers: { host: "a, b" } })).toMatchObject({ decision: "bad", status: 400 });
    expect(ask("/", { headers: { expect: "tea" } })).toMatchObject({ status: 417 });
    expect(ask("/", { method: "CONNECT" })).toMatchObject({ decision: "bad", status: 400 });
  });

  test("the gateway's own routes", () => {
    const { ask } = setUp();
    const own = { decision: "answered", status: null, identity: null, bucket: null, backend: null };
    for (const target of ["/own", "/own/b?client_id=a", "/own?c"]) {
      expect(ask(target)).toMatchObject(own);
    }
    expect(ask("/owner").decision).toBe("admitted");
  });

  test("what fetch would alter or lose, which own connections forward", () => {
    const [byFetch, pooled] = [setUp(), setUp({ transport: "pooled" })];
    const body = { headers: { "content-length": "3" } };
    for (const [status, target, more] of [
      [400, "/a/../b?client_id=a", {}],
      [400, "//a", {}],
      [400, "/", body],
      [501, "/", { method: "FROB" }],
    ] as const) {
      expect(byFetch.ask(target, more)).toMatchObject({ decision: "bad", status, bucket: null });
      expect(pooled.ask(target, more)).toMatchObject({ decision: "admitted", status: null });
    }
    // Which may refuse it for something else.
    const large = { headers: { "content-length": "5000" } };
    expect(pooled.ask("/", large).status).toBe(413);
    expect(byFetch.ask("/", large).reasons).toEqual([
      "A body on GET is not forwarded; send it with another method.",
      "TRANSPORT=pooled does not refuse it for that.",
    ]);
    // Goes over own connections anyway.
    const upgrade = { headers: { connection: "upgrade", upgrade: "websocket" } };
    expect(byFetch.ask("//a", upgrade).decision).toBe("admitted");
  });

  test("no backend, and none with room", () => {
    const none = setUp({}, []).ask("/?client_id=a");
    expect(none).toMatchObject({ decision: "admitted", status: 503, backend: null });
    expect(none.reasons.at(-1)).toBe("Every backend is not available.");
    const full = setUp({}, [URLS[0]!], 1);
    full.backends.acquire();
    const saturated = full.ask("/?client_id=a");
    expect(saturated).toMatchObject({ status: 503, backend: null });
    expect(saturated.reasons.at(-1)).toBe("Every backend has as many requests as it may have.");
  });
});

describe("asking changes nothing", () => {
  test("no token is gone, and no address known that was not", () => {
    const { ask, clients, anonymous, now } = setUp();
    for (let i = 0; i < 20; i++) {
      ask("/?client_id=a");
      ask("/");
    }
    const take = newTake();
    clients.peek(clients.find("a"), now, take);
    expect(take.remaining).toBe(5.5);
    expect(anonymous.numbers().entries).toBe(0);
    const usage = { admitted: -1, rejected: -1, lastSeen: 0 };
    clients.usage(clients.find("a"), usage);
    expect(usage).toEqual({ admitted: 0, rejected: 0, lastSeen: -1 });
  });

  test.each(BALANCERS.filter((name) => name !== "random_two_choices"))(
    "by %s the backend it names is the one that the next request gets",
    (balancer) => {
      const { ask, backends } = setUp({ balancer });
      backends.setHealthy(1, false, 1);
      for (let i = 0; i < 12; i++) {
        const told = ask("/?client_id=a").backend!.url;
        expect(ask("/?client_id=a").backend!.url).toBe(told);
        const slot = backends.acquire(Bun.hash.xxHash32("a"));
        expect(backends.url(slot)).toBe(told);
        if (i % 3 === 0) backends.end(slot);
      }
    },
  );
});

describe("POST /-/explain", () => {
  const { ask: _, ...parts } = setUp();
  const server = startControl({
    explain: createExplain({
      ...parts,
      config: {
        anonymous: { capacity: 1, ratePerSec: 1 },
        maxBody: 0,
        transport: "fetch",
        trustedProxies: [],
        unknownClients: "anonymous",
        balancer: "round_robin",
      },
      reserved: [],
      clock: () => parts.now,
    }),
  });
  afterAll(() => server[Symbol.asyncDispose]());
  const post = (body: object) =>
    server.fetch("/-/explain", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });

  test("reads a request line", async () => {
    for (const request of ["GET /x?client_id=a", "GET /x?client_id=a HTTP/1.1"]) {
      const answer = await post({ request, headers: { accept: "*/*" }, peer: "::1" });
      expect([answer.status, await answer.json()]).toEqual([
        200,
        expect.objectContaining({ identity: { kind: "client", client_id: "a" } }),
      ]);
    }
  });

  test("of the version that it says", async () => {
    const decisionOf = async (request: string): Promise<unknown> => {
      const answer = await post({ request, headers: { "transfer-encoding": "chunked" } });
      return ((await answer.json()) as { decision: string }).decision;
    };
    expect(await decisionOf("POST /x")).toBe("admitted");
    expect(await decisionOf("POST /x HTTP/1.1")).toBe("admitted");
    // RFC 9112 §6.1: its framing is faulty.
    expect(await decisionOf("POST /x HTTP/1.0")).toBe("bad");
  });

  test.each([
    [{}, "request"],
    [{ request: "GET" }, "request"],
    [{ request: "GET x" }, "request"],
    [{ request: "GET /a b HTTP/1.1" }, "request"],
    [{ request: "GET / HTTP/2" }, "request"],
    [{ request: "GET /", peer: "localhost" }, "peer"],
    [{ request: "GET /", headers: { "a b": "c" } }, "headers"],
    [{ request: "GET /", headers: { a: 1 } }, "headers/a"],
    [{ request: "GET /", body: "" }, "body"],
  ])("%j is refused", async (body, field) => {
    const answer = await post(body);
    expect(answer.status).toBe(422);
    expect(((await answer.json()) as { errors: { field: string }[] }).errors[0]!.field).toBe(field);
  });
});
