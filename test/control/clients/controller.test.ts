import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import type { ClientsFailure, FieldError } from "../../../src/shared/clients.ts";
import { RawClient } from "../../data/http1/raw-client.ts";
import { json, startControl } from "../../support/control-server.ts";
import { eventually, recordingLog } from "../../support/database.ts";
import { rawRequest } from "../../support/raw-http.ts";

const server = startControl();
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  server.clients.stored.clear();
  server.clients.fail = null;
  server.errors.length = 0;
});

const client9 = { client_id: "client9", capacity: 100, rate_per_sec: 5, current_tokens: 50 };

interface ProblemBody {
  title: string;
  status: number;
  detail: string;
  errors: FieldError[];
}

async function problemOf(answer: Response, status: number): Promise<ProblemBody> {
  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.headers.get("cache-control")).toBe("no-store");
  const body = (await answer.json()) as ProblemBody;
  expect(body.status).toBe(status);
  expect(body.detail.length).toBeGreaterThan(10);
  return body;
}

describe("a client's life", () => {
  test("POST registers it and says where it is", async () => {
    const answer = await server.fetch("/clients", json("POST", client9));
    expect(answer.status).toBe(201);
    expect(answer.headers.get("location")).toBe("/clients/client9");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await answer.json()).toEqual(client9);
  });

  test("ids with reserved characters are encoded in Location and decoded from the path", async () => {
    const made = await server.fetch("/clients", json("POST", { ...client9, client_id: "a:b@c" }));
    expect(made.headers.get("location")).toBe("/clients/a%3Ab%40c");
    for (const path of ["/clients/a%3Ab%40c", "/clients/a:b@c", "/clients/%61%3ab%40c"]) {
      expect(await (await server.fetch(path)).json()).toMatchObject({ client_id: "a:b@c" });
    }
  });

  test("the limits of every field are accepted", async () => {
    for (const limits of [
      { capacity: 1, rate_per_sec: 1e-9, current_tokens: 0 },
      { capacity: 1e9, rate_per_sec: 1e9, current_tokens: 1e9 },
    ]) {
      const client = { client_id: "x".repeat(128), ...limits };
      server.clients.stored.clear();
      expect((await server.fetch("/clients", json("POST", client))).status).toBe(201);
    }
  });

  test("PUT replaces, PATCH changes some, DELETE removes", async () => {
    await server.fetch("/clients", json("POST", client9));
    const limits = { capacity: 200, rate_per_sec: 10 };
    const put = await server.fetch("/clients/client9", json("PUT", limits));
    expect(await put.json()).toEqual({ ...client9, ...limits, current_tokens: 100 });
    const patch = await server.fetch("/clients/client9", json("PATCH", { rate_per_sec: 1 }));
    expect(await patch.json()).toMatchObject({ capacity: 200, rate_per_sec: 1 });
    const gone = await server.fetch("/clients/client9", { method: "DELETE" });
    expect([gone.status, await gone.text()]).toEqual([204, ""]);
    await problemOf(await server.fetch("/clients/client9"), 404);
  });

  test("HEAD answers as GET without the body", async () => {
    await server.fetch("/clients", json("POST", client9));
    const there = await server.fetch("/clients/client9", { method: "HEAD" });
    expect([there.status, await there.text()]).toEqual([200, ""]);
    expect(there.headers.get("content-type")).toStartWith("application/json");
    expect(there.headers.get("content-length")).toBe(String(JSON.stringify(client9).length));
    const list = await server.fetch("/clients", { method: "HEAD" });
    expect(Number(list.headers.get("content-length"))).toBeGreaterThan(60);
    expect((await server.fetch("/clients/other", { method: "HEAD" })).status).toBe(404);
  });
});

describe("a list", () => {
  beforeEach(async () => {
    for (const id of ["c", "a", "b@x"]) {
      await server.fetch("/clients", json("POST", { ...client9, client_id: id }));
    }
  });

  test("is ordered and goes on after a page", async () => {
    const list = async (query: string) => {
      const page = (await (await server.fetch(`/clients${query}`)).json()) as {
        clients: { client_id: string }[];
        next: string | null;
      };
      return [page.clients.map((client) => client.client_id), page.next];
    };
    expect(await list("")).toEqual([["a", "b@x", "c"], null]);
    expect(await list("?limit=2")).toEqual([["a", "b@x"], "b@x"]);
    expect(await list("?limit=2&after=b%40x")).toEqual([["c"], null]);
    expect(await list("?limit=1000&after=zzz")).toEqual([[], null]);
  });

  test.each([
    ["limit=0", "limit", "must be a whole number from 1 to 1000, not 0"],
    ["limit=1001", "limit", "must be a whole number from 1 to 1000, not 1001"],
    ["limit=-1", "limit", 'must be a whole number from 1 to 1000, not the text "-1"'],
    ["limit=1.5", "limit", 'must be a whole number from 1 to 1000, not the text "1.5"'],
    ["limit=0x10", "limit", 'must be a whole number from 1 to 1000, not the text "0x10"'],
    ["limit=%205", "limit", 'must be a whole number from 1 to 1000, not the text " 5"'],
    ["limit=", "limit", 'must be a whole number from 1 to 1000, not the text ""'],
    ["limit=1&limit=2", "limit", "is given twice"],
    ["after=", "after", /^must be 1 to 128 characters of .*, not the text ""$/],
    ["after=a%20b", "after", /^must be 1 to 128 characters/],
    ["after=a&after=b", "after", "is given twice"],
    ["limt=5", "limt", "is not known here; known are limit, after"],
  ])("refuses ?%s", async (query, field, message) => {
    const { errors } = await problemOf(await server.fetch(`/clients?${query}`), 422);
    expect(errors).toEqual([{ field, message: expect.stringMatching(message) }]);
  });
});

describe("a body at fault is told what is accepted and what was given", () => {
  const aNumber = "a number from 1 to 1000000000";
  test.each([
    [{ ...client9, capacity: "100" }, "capacity", `must be ${aNumber}, not the text "100"`],
    [{ ...client9, capacity: 0.5 }, "capacity", `must be ${aNumber}, not 0.5`],
    [{ ...client9, capacity: 1e9 + 1 }, "capacity", `must be ${aNumber}, not 1000000001`],
    [{ ...client9, capacity: null }, "capacity", `must be ${aNumber}, not null`],
    [{ ...client9, capacity: true }, "capacity", `must be ${aNumber}, not true`],
    [{ ...client9, capacity: [1] }, "capacity", `must be ${aNumber}, not a list`],
    [{ ...client9, capacity: undefined }, "capacity", `is required: ${aNumber}`],
    [
      { ...client9, rate_per_sec: 0 },
      "rate_per_sec",
      "must be a number above 0 and at most 1000000000, not 0",
    ],
    [
      { ...client9, current_tokens: -1 },
      "current_tokens",
      "must be a number from 0 to 1000000000, not -1",
    ],
    [{ ...client9, current_tokens: 101 }, "current_tokens", "must be at most capacity (100)"],
    [
      { ...client9, burst: 1 },
      "burst",
      "is not known here; known are client_id, capacity, rate_per_sec, current_tokens",
    ],
    [
      { ...client9, client_id: "a b" },
      "client_id",
      'must be 1 to 128 characters of A-Z a-z 0-9 . _ : @ - (but not . or ..), not the text "a b"',
    ],
    // A URL resolves both, so no route could name the client.
    [{ ...client9, client_id: "." }, "client_id", /, not the text "\."$/],
    [{ ...client9, client_id: ".." }, "client_id", /, not the text "\.\."$/],
    [
      '{"client_id":"x","capacity":1e999,"rate_per_sec":1}',
      "capacity",
      `must be ${aNumber}, not Infinity`,
    ],
    ['{"client_id":"x","capacity":NaN,"rate_per_sec":1}', "capacity", "must be a finite number"],
    [
      '{"client_id":"NaN","capacity":1,"rate_per_sec":-Infinity}',
      "rate_per_sec",
      "must be a finite number",
    ],
    [
      '{"client_id":"x","capacity":1,"\\u0063apacity":2,"rate_per_sec":1}',
      "capacity",
      "is given twice",
    ],
    [
      '{"client_id":"x","capacity":1,"rate_per_sec":1,"__proto__":{"capacity":2}}',
      "__proto__",
      /^is not known here/,
    ],
    [{ ...client9, "": 1 }, "", /^is not known here; known are client_id/],
    ["[]", "", "a JSON object is needed, not a list"],
    ["null", "", "a JSON object is needed, not null"],
    ['"text"', "", 'a JSON object is needed, not the text "text"'],
  ])("%j: %s", async (body, field, message) => {
    const { errors } = await problemOf(await server.fetch("/clients", json("POST", body)), 422);
    expect(errors).toContainEqual({
      field,
      message: message instanceof RegExp ? expect.stringMatching(message) : message,
    });
    if (typeof body === "object") expect(errors).toHaveLength(1);
    expect(server.clients.stored.size).toBe(0);
  });

  test("every field at fault is named once", async () => {
    const body = { client_id: 5, capacity: "x", current_tokens: -1, other: 1 };
    const { errors } = await problemOf(await server.fetch("/clients", json("POST", body)), 422);
    expect(errors.map(({ field }) => field).sort()).toEqual([
      "capacity",
      "client_id",
      "current_tokens",
      "other",
      "rate_per_sec",
    ]);
  });

  test("PUT needs both limits, PATCH at least one, neither a client_id", async () => {
    await server.fetch("/clients", json("POST", client9));
    const fields = async (method: string, body: unknown) => {
      const answer = await server.fetch("/clients/client9", json(method, body));
      return (await problemOf(answer, 422)).errors.map(({ field }) => field);
    };
    expect(await fields("PUT", { capacity: 5 })).toEqual(["rate_per_sec"]);
    expect(await fields("PUT", client9)).toEqual(["client_id"]);
    expect(await fields("PATCH", {})).toEqual([""]);
    expect(await fields("PATCH", { client_id: "other" })).toEqual(["client_id"]);
    expect(await fields("PATCH", { rate_per_sec: null })).toEqual(["rate_per_sec"]);
    expect(server.clients.stored.get("client9")).toEqual(client9);
  });
});

describe("a body that cannot be read", () => {
  test.each([
    ["{", "not well-formed"],
    ['{"client_id":"x",}', "not well-formed"],
    ['{"client_id":"x"} {}', "not well-formed"],
    ["{NaN:1}", "not well-formed"],
    ["[".repeat(60_000), "not well-formed"],
    ["", "empty"],
    [" \n", "empty"],
  ])("%#: is 400", async (body, detail) => {
    const problem = await problemOf(await server.fetch("/clients", json("POST", body)), 400);
    expect(problem.detail).toContain(detail);
  });

  test("is 400 when it is not UTF-8", async () => {
    const headers = { "content-type": "application/json" };
    const body = new Uint8Array([0x22, 0xff, 0x22]);
    const answer = await server.fetch("/clients", { method: "POST", headers, body });
    expect((await problemOf(answer, 400)).detail).toContain("UTF-8");
  });

  test.each(["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])(
    "is 415 when it says to be %j",
    async (type) => {
      const answer = await server.fetch("/clients", {
        ...json("POST", client9),
        headers: { "content-type": type },
      });
      await problemOf(answer, 415);
    },
  );

  test("is 415 when it is compressed", async () => {
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    const body = Bun.gzipSync(JSON.stringify(client9));
    await problemOf(await server.fetch("/clients", { method: "POST", headers, body }), 415);
  });

  test("is read when the type has parameters and other case", async () => {
    const headers = { "content-type": "Application/JSON; charset=utf-8" };
    const answer = await server.fetch("/clients", { ...json("POST", client9), headers });
    expect(answer.status).toBe(201);
  });

  test("is 413 over 64 KB, whether the length is known or not", async () => {
    const text = JSON.stringify({ ...client9, note: "x".repeat(65_536) });
    await problemOf(await server.fetch("/clients", json("POST", text)), 413);
    // A stream of unknown length is sent in chunks.
    const body = new ReadableStream<string>({
      start(controller) {
        for (let at = 0; at < text.length; at += 1000)
          controller.enqueue(text.slice(at, at + 1000));
        controller.close();
      },
    });
    await problemOf(await server.fetch("/clients", { ...json("POST", ""), body }), 413);
    const fits = JSON.stringify(client9).padEnd(65_536);
    expect((await server.fetch("/clients", json("POST", fits))).status).toBe(201);
  });
});

describe("refusals", () => {
  test("409 for an id that is taken", async () => {
    await server.fetch("/clients", json("POST", client9));
    await problemOf(await server.fetch("/clients", json("POST", client9)), 409);
  });

  test("404 for ids that are not there, or could not be", async () => {
    for (const id of ["nobody", "a%2Fb", "a%20b", "%zz", "x".repeat(129), "..%2f..", "%00"]) {
      const path = `/clients/${id}`;
      await problemOf(await server.fetch(path), 404);
      await problemOf(await server.fetch(path, { method: "DELETE" }), 404);
      const limits = { capacity: 1, rate_per_sec: 1 };
      await problemOf(await server.fetch(path, json("PUT", limits)), 404);
      await problemOf(await server.fetch(path, json("PATCH", limits)), 404);
    }
  });

  test.each<[ClientsFailure, number, string | null]>([
    [{ ok: false, reason: "unavailable", detail: "The database is down." }, 503, "1"],
    [{ ok: false, reason: "full" }, 507, null],
  ])("%j", async (failure, status, retryAfter) => {
    server.clients.fail = failure;
    const answer = await server.fetch("/clients", json("POST", client9));
    expect(answer.headers.get("retry-after")).toBe(retryAfter);
    await problemOf(answer, status);
  });

  test.each([
    ["PUT", "application/x-ndjson"],
    ["POST", "application/json"],
  ])("a client that leaves in the middle of its %s is no error", async (method, type) => {
    const { log, lines } = recordingLog();
    await using watched = startControl({ log });
    const headers = { "Content-Type": type, "Content-Length": "5000", Expect: "100-continue" };
    const client = await RawClient.open(watched.port);
    client.send(rawRequest(method, "/clients", headers));
    await client.contains("100 Continue");
    client.send('{"client_id"');
    client.close();
    await eventually(() => lines.length > 0);
    expect(lines).toEqual([expect.stringMatching(/debug.*the client has left/i)]);
  });

  test("a bug is 500, logged, and shows nothing of itself", async () => {
    server.clients.fail = new Error("secret of the house");
    const answer = await server.fetch("/clients/client9");
    const body = JSON.stringify(await problemOf(answer, 500));
    expect(body).not.toContain("secret");
    expect(body).not.toContain(".ts");
    expect(server.errors).toHaveLength(1);
    expect(server.errors[0]!.fields!["error"]).toContain("secret of the house");
  });
});
