// The backends routes over HTTP, before a plain port.

import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { backendId } from "../../../src/shared/backend-id.ts";
import { json, startControl } from "../../support/control-server.ts";

const URL_A = "http://10.0.0.1:8080";
const A = backendId(URL_A);

const server = startControl();
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  server.backends.fail = null;
  server.backends.stored.clear();
  server.backends.table.setBackends([]);
});

const add = (body: unknown) => server.fetch("/-/backends", json("POST", body));
const change = (body: unknown, id = A) => server.fetch(`/-/backends/${id}`, json("PATCH", body));

test("add, look, change, drain, remove", async () => {
  const added = await add({ url: URL_A, weight: 3 });
  expect([added.status, added.headers.get("location")]).toEqual([201, `/-/backends/${A}`]);
  const shown = (await added.json()) as Record<string, unknown>;
  expect(shown).toMatchObject({ id: A, url: URL_A, weight: 3, max_in_flight: null, open: false });
  expect(await (await server.fetch("/-/backends")).json()).toEqual({ backends: [shown] });
  expect(await (await server.fetch(`/-/backends/${A}`)).json()).toEqual(shown);
  const changed = await change({ weight: 1, max_in_flight: 9, draining: true });
  expect(changed.status).toBe(200);
  expect(await changed.json()).toMatchObject({ weight: 1, max_in_flight: 9, draining: true });
  expect(await (await change({ max_in_flight: null })).json()).toMatchObject({
    max_in_flight: null,
  });
  const removed = await server.fetch(`/-/backends/${A}`, { method: "DELETE" });
  expect([removed.status, await removed.text()]).toEqual([204, ""]);
  expect((await server.fetch(`/-/backends/${A}`)).status).toBe(404);
});

describe("a body that is not acceptable is 422 and names the field", () => {
  test.each([
    [{}, "url"],
    [{ url: 5 }, "url"],
    [{ url: URL_A, weight: 0 }, "weight"],
    [{ url: URL_A, weight: 1.5 }, "weight"],
    [{ url: URL_A, weight: 1001 }, "weight"],
    [{ url: URL_A, max_in_flight: 0 }, "max_in_flight"],
    [{ url: URL_A, max_in_flight: "1" }, "max_in_flight"],
    [{ url: URL_A, draining: true }, "draining"],
  ])("%j", async (body, field) => {
    const answer = await add(body);
    expect(answer.status).toBe(422);
    const { errors } = (await answer.json()) as { errors: { field: string; message: string }[] };
    expect(errors[0]!.field).toBe(field);
    expect(errors[0]!.message).toMatch(/^(is required: |must be |is not known here)/);
    expect(server.backends.stored.size).toBe(0);
  });

  test.each([[{}], [{ url: URL_A }], [{ draining: "yes" }]])("PATCH %j", async (body) => {
    await add({ url: URL_A });
    expect((await change(body)).status).toBe(422);
  });
});

test.each([
  [{ ok: false, reason: "unavailable", detail: "No database." }, 503],
  [{ ok: false, reason: "full" }, 507],
  [{ ok: false, reason: "exists" }, 409],
  [{ ok: false, reason: "invalid", fields: [{ field: "url", message: "it is empty" }] }, 422],
] as const)("a failure of the port is a problem: %j", async (failure, status) => {
  server.backends.fail = failure;
  const answer = await add({ url: URL_A });
  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
});

test("an id that nobody has is 404", async () => {
  expect((await change({ weight: 2 }, "0123456789ab")).status).toBe(404);
  expect((await server.fetch("/-/backends/%00", { method: "DELETE" })).status).toBe(404);
});
