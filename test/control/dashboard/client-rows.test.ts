import { describe, expect, test } from "bun:test";
import type { ClientRows } from "../../../src/control/dashboard/client-rows-model.ts";
import { newTake } from "../../../src/shared/gcra.ts";
import { ClientsInMemory } from "../../support/clients-in-memory.ts";
import { startControl } from "../../support/control-server.ts";
import { testDashboard } from "../../support/dashboard.ts";

const SECOND = 1e9;

/** Clients in the table and in the list, each with as many requests as said. */
async function filled(use: Record<string, number>, capacity = 10) {
  let now = 0;
  const clients = new ClientsInMemory();
  const dashboard = testDashboard(clients, () => now);
  const { table } = dashboard;
  for (const [id, requests] of Object.entries(use)) {
    await clients.create({ client_id: id, capacity, rate_per_sec: 1 });
    const slot = table.add(id, { capacity, ratePerSec: 1 }, capacity, now);
    for (let count = 0; count < requests; count++) table.take(slot, now, newTake());
  }
  const { rows } = dashboard;
  const list = async (query: Partial<Parameters<typeof rows.list>[0]>): Promise<ClientRows> => {
    const all = { prefix: "", order: "id", limit: 100, after: null } as const;
    return (await rows.list({ ...all, ...query })) as ClientRows;
  };
  const ids = async (query: Parameters<typeof list>[0]): Promise<string[]> =>
    (await list(query)).clients.map((row) => row.client_id);
  return { ...dashboard, list, ids, pass: (seconds: number) => (now += seconds * SECOND) };
}

test("a row has the live bucket and the totals", async () => {
  const { rows, pass } = await filled({ a: 12, b: 0 });
  pass(3);
  expect(rows.of(["a", "nobody", "b"])).toEqual([
    {
      client_id: "a",
      capacity: 10,
      rate_per_sec: 1,
      tokens: 3,
      admitted: 10,
      rejected: 2,
      idle: 3,
    },
    {
      client_id: "b",
      capacity: 10,
      rate_per_sec: 1,
      tokens: 10,
      admitted: 0,
      rejected: 0,
      idle: null,
    },
  ]);
});

describe("by id", () => {
  test("a beginning finds itself and what follows it, page by page", async () => {
    const { list, ids } = await filled({
      a: 0,
      ab: 0,
      "ab-1": 0,
      "ab-2": 0,
      "ab-3": 0,
      ac: 0,
      b: 0,
    });
    expect(await ids({ prefix: "ab" })).toEqual(["ab", "ab-1", "ab-2", "ab-3"]);
    expect(await ids({ prefix: "ab-" })).toEqual(["ab-1", "ab-2", "ab-3"]);
    expect(await ids({ prefix: "x" })).toEqual([]);
    const first = await list({ prefix: "ab", limit: 2 });
    expect(first.clients.map((row) => row.client_id)).toEqual(["ab", "ab-1"]);
    const second = await list({ prefix: "ab", limit: 2, after: first.next });
    expect(second.clients.map((row) => row.client_id)).toEqual(["ab-2", "ab-3"]);
    expect(second.next).toBeNull();
  });

  test("a page of one client", async () => {
    const { list } = await filled({ ab: 0, "ab-1": 0 });
    const first = await list({ prefix: "ab", limit: 1 });
    expect(first.clients.map((row) => row.client_id)).toEqual(["ab"]);
    const second = await list({ prefix: "ab", limit: 1, after: first.next });
    expect(second.clients.map((row) => row.client_id)).toEqual(["ab-1"]);
  });
});

describe("by use", () => {
  test("the highest first, whatever the table's order; the removed are not there", async () => {
    const { table, ids } = await filled({ a: 3, b: 12, gone: 30, c: 11, d: 0, e: 14 });
    table.remove(table.find("gone"), 0);
    expect(await ids({ order: "rejected", limit: 3 })).toEqual(["e", "b", "c"]);
    expect(await ids({ order: "admitted" })).toEqual(["b", "c", "e", "a", "d"]);
    expect(await ids({ order: "admitted", prefix: "a" })).toEqual(["a"]);
  });

  test("pages go on where the one before ended", async () => {
    const { list, ids } = await filled({ a: 1, b: 2, c: 3, d: 4, e: 5 });
    const { next } = await list({ order: "admitted", limit: 2 });
    expect(await ids({ order: "admitted", limit: 2, after: next })).toEqual(["c", "b"]);
    expect((await list({ order: "admitted", limit: 2, after: "4" })).next).toBeNull();
  });

  test("the few that matter are found among 30,000", async () => {
    const use: Record<string, number> = {};
    for (let number = 0; number < 30_000; number++) use[`n${number}`] = 0;
    for (const [rank, number] of [3, 15_000, 29_999].entries()) use[`n${number}`] = 9 - rank;
    const { ids } = await filled(use);
    expect(await ids({ order: "admitted", limit: 3 })).toEqual(["n3", "n15000", "n29999"]);
  });
});

describe("over HTTP", () => {
  test.each([
    ["clients?order=wrong", "order"],
    ["clients?limit=0", "limit"],
    ["clients?limit=1000", "limit"],
    ["clients?prefix=a%20b", "prefix"],
    ["clients?limit=1&limit=2", "limit"],
    ["clients?x=1", "x"],
    ["buckets", "ids"],
    ["buckets?ids=", "ids"],
  ])("%s is refused with the field's name", async (target, field) => {
    await using server = startControl();
    const answer = await server.fetch(`/-/dashboard/${target}`);
    expect(answer.status).toBe(422);
    const { errors } = (await answer.json()) as { errors: { field: string }[] };
    expect(errors.map((error) => error.field)).toContain(field);
  });
});
