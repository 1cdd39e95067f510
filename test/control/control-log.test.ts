// What the log says of control calls, over a real socket: changes and refusals, and nothing of the
// token, the query or the body.

import { expect, test } from "bun:test";
import type { ControlRoutesOptions } from "../../src/control/application.ts";
import { LineTurns } from "../../src/shared/line-turns.ts";
import { json, startControl } from "../support/control-server.ts";
import { type LogLine, recordedLog } from "../support/recorded-log.ts";

const TOKEN = "s3cret-token";
const LIMITS = { capacity: 10, rate_per_sec: 1 };
const NDJSON = { "content-type": "application/x-ndjson" };

function start(options: Partial<ControlRoutesOptions> = {}) {
  const { logger, lines } = recordedLog();
  const server = startControl({ log: logger, ...options });
  return { server, lines };
}

const time: unknown = expect.any(String);
const CHANGE = { time, level: "info", component: "control", message: "control change" };
const REFUSAL = { time, level: "warn", component: "control", message: "control access refused" };

test("each change that succeeded is logged, and no look", async () => {
  const { server, lines } = start();
  await using _ = server;
  const url = "http://127.0.0.1:1";
  await server.fetch("/clients", json("POST", { client_id: "a:1", ...LIMITS }));
  await server.fetch("/clients/a:1", json("PUT", LIMITS));
  await server.fetch("/clients/a:1?token=s3cret", json("PATCH", { capacity: 5 }));
  for (const path of ["/clients", "/clients/a:1", "/-/backends", "/-/healthy"]) {
    await server.fetch(path);
    await server.fetch(path, { method: "HEAD" });
  }
  await server.fetch("/-/explain", json("POST", { path: "/" }));
  await server.fetch("/clients/a:1", { method: "DELETE" });
  const added = await server.fetch("/-/backends", json("POST", { url }));
  const location = added.headers.get("location")!;
  const change = { ...CHANGE, address: "127.0.0.1" };
  expect(lines).toEqual([
    { ...change, method: "POST", path: "/clients", status: 201, location: "/clients/a%3A1" },
    { ...change, method: "PUT", path: "/clients/a:1", status: 200 },
    { ...change, method: "PATCH", path: "/clients/a:1", status: 200 },
    { ...change, method: "DELETE", path: "/clients/a:1", status: 204 },
    { ...change, method: "POST", path: "/-/backends", status: 201, location },
  ]);
});

test("what changed nothing is not", async () => {
  const { server, lines } = start();
  await using _ = server;
  const statuses = [
    await server.fetch("/clients", json("POST", { client_id: "a" })),
    await server.fetch("/clients", { method: "POST", body: "x" }),
    await server.fetch("/clients/none", json("PUT", LIMITS)),
    await server.fetch("/clients", { method: "DELETE" }),
    await server.fetch("/clients", { method: "PUT", body: "x" }),
  ].map(({ status }) => status);
  expect(statuses).toEqual([422, 415, 404, 405, 415]);
  expect(lines).toEqual([]);
});

test("an upload says how many, also one that broke off", async () => {
  const { server, lines } = start();
  await using _ = server;
  const line = (id: number) => JSON.stringify({ client_id: `c${id}`, ...LIMITS });
  const put = (body: string) => server.fetch("/clients", { method: "PUT", headers: NDJSON, body });
  await put([line(1), line(2), "{nonsense"].join("\n"));
  expect(lines).toEqual([
    {
      ...CHANGE,
      address: "127.0.0.1",
      method: "PUT",
      path: "/clients",
      status: 200,
      lines: 3,
      created: 2,
      changed: 0,
      unchanged: 0,
      refused: 1,
    },
  ]);
  const { putMany } = server.clients;
  let calls = 0;
  server.clients.putMany = function (clients) {
    if (++calls === 2) this.fail = { ok: false, reason: "unavailable", detail: "It is down." };
    return putMany.call(this, clients);
  };
  const many = Array.from({ length: 1500 }, (_, id) => line(id + 10));
  expect((await put(many.join("\n"))).status).toBe(503);
  expect(lines[1]).toMatchObject({ status: 503, lines: 1000, created: 1000 });
  await put(many.join("\n"));
  expect(lines).toHaveLength(2);
});

test("refused access is logged by its reason, now and then, and without the token", async () => {
  let now = 0;
  const { server, lines } = start({
    admin: { token: "right", allow: [] },
    accessTurns: new LineTurns(LineTurns.reserve(), () => now),
  });
  await using _ = server;
  const authorization = `Bearer ${TOKEN}`;
  const ask = (path: string, headers: Record<string, string> = {}) =>
    server.fetch(path, { headers });
  await ask("/clients?token=s3cret");
  await ask("/-/metrics");
  await ask("/clients/a", { authorization });
  await ask("/-/healthy");
  now = 11e9;
  await ask("/swagger", { accept: "text/html" });
  const refusal = { ...REFUSAL, address: "127.0.0.1", method: "GET", status: 401 };
  expect(lines).toEqual([
    { ...refusal, path: "/clients", reason: "no_token", count: 1 },
    { ...refusal, path: "/clients/a", reason: "wrong_token", count: 1 },
    { ...refusal, path: "/swagger", reason: "no_token", count: 2 },
  ]);
  expect(JSON.stringify(lines)).not.toContain("s3cret");
});

test.each<[string, readonly string[], Record<string, string>]>([
  ["address", ["10.0.0.1/32"], {}],
  ["host", ["127.0.0.0/8"], { host: "gateway.example" }],
  ["foreign_page", ["127.0.0.0/8"], { "sec-fetch-site": "cross-site" }],
])("without a token: %s", async (reason, allow, headers) => {
  const { server, lines } = start({ admin: { token: null, allow } });
  await using _ = server;
  await server.fetch("/clients", { method: "POST", headers, body: "{}" });
  const wanted: LogLine = { ...REFUSAL, method: "POST", path: "/clients", status: 403, reason };
  expect(lines).toMatchObject([wanted]);
});
