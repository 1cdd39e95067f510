// Usage, reset and top over the real tables, through the real routes.

import { describe, expect, test } from "bun:test";
import type { Top, Usage } from "../../../src/shared/usage.ts";
import { type AddressKey, addressKey } from "../../../src/shared/address.ts";
import { startControl } from "../../support/control-server.ts";
import { SECOND, testUsage } from "../../support/usage.ts";

function key(address: string): AddressKey {
  const out = { hi: 0, lo: 0 };
  if (!addressKey(address, out)) throw new Error(address);
  return out;
}

function start() {
  const usage = testUsage();
  return { usage, server: startControl({ usage: usage.service }) };
}

describe("GET /clients/:client_id/usage", () => {
  test("tells what was used, since when, and when the bucket is full", async () => {
    const { usage, server } = start();
    await using _ = server;
    usage.time.now = 100 * SECOND;
    const slot = usage.add("a", 2);
    usage.requests(slot, 5);
    const before = Date.now();
    const answer = await server.fetch("/clients/a/usage");
    expect(answer.status).toBe(200);
    const body = (await answer.json()) as Usage;
    expect(body).toMatchObject({ client_id: "a", capacity: 1e6, rate_per_sec: 1 });
    expect(body).toMatchObject({ admitted: 2, rejected: 3, current_tokens: 0 });
    expect(Date.parse(body.full_at!) - before).toBeWithin(1e9 - 10, 1e9 + 2000);
    expect(Date.parse(body.since) - before).toBeWithin(-10, 2000);
    expect(Date.parse(body.last_seen!) - before).toBeWithin(-10, 2000);
    expect(body.rate_1m.admitted_per_sec).toBeCloseTo(2, 1);
  });

  test("a bucket that is not full in thousands of years has the last moment of a date-time", async () => {
    const { usage, server } = start();
    await using _ = server;
    usage.meter.opened(usage.table.add("slow", { capacity: 1000, ratePerSec: 1e-9 }, 0, 0), 0);
    const { full_at } = (await (await server.fetch("/clients/slow/usage")).json()) as Usage;
    expect(full_at).toBe("9999-12-31T23:59:59.999Z");
  });

  test("nobody was seen before the counts began", async () => {
    const { usage, server } = start();
    await using _ = server;
    usage.time.now = 100.7 * SECOND;
    usage.requests(usage.add("a"), 1);
    const one = (await (await server.fetch("/clients/a/usage")).json()) as Usage;
    expect(one.last_seen).toBe(one.since);
    const top = (await (await server.fetch("/-/top?by=admitted")).json()) as Top;
    expect(top.clients[0]!.last_seen).toBe(top.clients[0]!.since);
  });

  test("a client that was never seen, a full bucket, an unknown client", async () => {
    const { usage, server } = start();
    await using _ = server;
    usage.add("a");
    const body = await (await server.fetch("/clients/a/usage")).json();
    expect(body).toMatchObject({ last_seen: null, full_at: null, admitted: 0 });
    expect((await server.fetch("/clients/b/usage")).status).toBe(404);
  });
});

describe("POST /clients/:client_id/reset", () => {
  test("fills the bucket and begins to count anew", async () => {
    const { usage, server } = start();
    await using _ = server;
    const slot = usage.add("a", 2);
    usage.pass(5, () => usage.requests(slot, 5));
    const answer = await server.fetch("/clients/a/reset", { method: "POST" });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ client_id: "a", current_tokens: 1e6 });
    const body = await (await server.fetch("/clients/a/usage")).json();
    expect(body).toMatchObject({ admitted: 0, rejected: 0, full_at: null });
    expect(body).toMatchObject({ rate_10m: { admitted_per_sec: 0, rejected_per_sec: 0 } });
    usage.requests(slot, 1);
    usage.pass(1);
    expect(usage.meter.read(slot, usage.time.now).admitted).toBe(1);
  });

  test("an unknown client, and another method", async () => {
    const { server } = start();
    await using _ = server;
    expect((await server.fetch("/clients/a/reset", { method: "POST" })).status).toBe(404);
    const answer = await server.fetch("/clients/a/reset");
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe("POST");
  });
});

describe("GET /-/top", () => {
  const top = async (fetch: (path: string) => Promise<Response>, query = "") =>
    (await (await fetch(`/-/top${query}`)).json()) as Top;

  test("orders clients by what was asked, and leaves out who has nothing of it", async () => {
    const { usage, server } = start();
    await using _ = server;
    for (const [id, tokens, requests] of [
      ["calm", 1000, 1],
      ["busy", 1000, 30],
      ["over", 5, 25],
      ["idle", 5, 0],
    ] as const) {
      usage.requests(usage.add(id, tokens), requests);
    }
    const byAdmitted = await top(server.fetch, "?by=admitted&limit=2");
    expect(byAdmitted.clients).toMatchObject([
      { client_id: "busy", admitted: 30, rejected: 0 },
      { client_id: "over", admitted: 5, rejected: 20 },
    ]);
    const byRejected = await top(server.fetch);
    expect(byRejected).toMatchObject({ by: "rejected", addresses: [] });
    expect(byRejected.clients.map((client) => client.client_id)).toEqual(["over"]);
  });

  test("adds up what the workers saw of an address", async () => {
    const { usage, server } = start();
    await using _ = server;
    for (const worker of [0, 1]) {
      const addresses = usage.worker(worker);
      for (let i = 0; i < 10; i++) addresses.count(key("192.0.2.1"), i < 3, usage.time.now);
      addresses.count(key("2001:db8:1:2:3::4"), false, usage.time.now);
    }
    const { addresses } = await top(server.fetch);
    expect(addresses).toMatchObject([
      { address: "192.0.2.1", admitted: 6, rejected: 14, forgotten: 0 },
      { address: "2001:db8:1:2::/64", admitted: 0, rejected: 2, forgotten: 0 },
    ]);
  });

  test("is made once a second, however many ask", async () => {
    const { usage, server } = start();
    await using _ = server;
    const slot = usage.add("a");
    usage.requests(slot, 1);
    const ask = async () => (await top(server.fetch, "?by=admitted")).clients[0]?.admitted;
    expect(await ask()).toBe(1);
    usage.requests(slot, 1);
    expect(await ask()).toBe(1);
    usage.time.now += 1.1 * SECOND;
    expect(await ask()).toBe(2);
  });

  test.each(["?by=name", "?limit=0", "?limit=1001", "?limit=5&limit=6", "?x=1", "?limit=0x10"])(
    "%s is refused",
    async (query) => {
      const { server } = start();
      await using _ = server;
      expect((await server.fetch(`/-/top${query}`)).status).toBe(422);
    },
  );
});
