// PUT /clients over HTTP: every line is answered for, whatever its neighbours are, and a bad upload
// stops at the right place.

import { describe, expect, test } from "bun:test";
import type { BulkReport } from "../../../src/control/clients/bulk.ts";
import { linesOf } from "../../../src/control/clients/lines.ts";
import { startControl } from "../../support/control-server.ts";

const HEADERS = { "content-type": "application/x-ndjson" };
const line = (client_id: string, more: object = {}) =>
  JSON.stringify({ client_id, capacity: 10, rate_per_sec: 1, ...more });

async function put(server: ReturnType<typeof startControl>, body: BodyInit) {
  const answer = await server.fetch("/clients", { method: "PUT", headers: HEADERS, body });
  return { status: answer.status, body: (await answer.json()) as BulkReport & { detail: string } };
}

describe("an upload", () => {
  test("says what was created, changed and refused, by line", async () => {
    await using server = startControl();
    await server.clients.create({ client_id: "old", capacity: 1, rate_per_sec: 1 });
    const lines = [
      line("a"),
      "",
      line("old"),
      "{nonsense",
      line("b", { capacity: 0 }),
      line("bad id"),
      line("c", { color: "red" }),
      '{"client_id":"d","client_id":"e","capacity":1,"rate_per_sec":1}',
      "[1]",
      line("f", { current_tokens: 11 }),
      line("g"),
      line(".."),
      line("..."),
    ];
    const { status, body } = await put(server, lines.join("\r\n"));
    expect(status).toBe(200);
    expect(body).toMatchObject({ lines: 13, created: 3, changed: 1, unchanged: 0, refused: 8 });
    expect(body.errors).toEqual([
      { line: 4, client_id: null, detail: "the line is not well-formed JSON" },
      {
        line: 5,
        client_id: "b",
        detail: "capacity must be a number from 1 to 1000000000, not 0",
      },
      { line: 6, client_id: "bad id", detail: expect.stringContaining("client_id must be") },
      { line: 7, client_id: "c", detail: expect.stringContaining("color is not known here") },
      { line: 8, client_id: null, detail: "client_id is given twice" },
      { line: 9, client_id: null, detail: expect.stringContaining("a JSON object is needed") },
      { line: 10, client_id: "f", detail: "current_tokens must be at most capacity (10)" },
      { line: 12, client_id: "..", detail: expect.stringContaining("client_id must be") },
    ]);
    expect([...server.clients.stored.keys()].sort()).toEqual(["...", "a", "g", "old"]);
  });

  test("lists a hundred refusals and counts the others", async () => {
    await using server = startControl();
    const { body } = await put(server, "x\n".repeat(2500));
    expect(body).toMatchObject({ lines: 2500, refused: 2500 });
    expect(body.errors.map((error) => error.line)).toEqual(
      Array.from({ length: 100 }, (_, i) => i + 1),
    );
  });

  test("the last line of an id wins", async () => {
    await using server = startControl();
    const ids = Array.from({ length: 1500 }, (_, i) => line("a", { capacity: 1 + i }));
    const { body } = await put(server, ids.join("\n"));
    expect(body).toMatchObject({ lines: 1500, created: 1, changed: 1499 });
    expect(server.clients.stored.get("a")!.capacity).toBe(1500);
  });

  test("arrives in pieces that break anywhere, within characters too", async () => {
    await using server = startControl();
    const text = [line("a"), `${line("b")} `, '"ä€😀"', line("c")].join("\n");
    const bytes = Buffer.from(text);
    const pieces = async function* () {
      for (const byte of bytes) yield Buffer.from([byte]);
    };
    const { body } = await put(
      server,
      new ReadableStream({
        async start(stream) {
          for await (const piece of pieces()) stream.enqueue(piece);
          stream.close();
        },
      }),
    );
    expect(body).toMatchObject({ lines: 4, created: 3, refused: 1 });
  });

  test("with nothing in it, it changes nothing", async () => {
    await using server = startControl();
    expect((await put(server, "\n\n")).body).toMatchObject({ lines: 0, created: 0, refused: 0 });
    const answer = await server.fetch("/clients", { method: "PUT", headers: HEADERS });
    expect(answer.status).toBe(200);
  });

  test("stops where the control plane fails, and says where", async () => {
    await using server = startControl();
    const put1500 = Array.from({ length: 2500 }, (_, i) => line(`client-${i}`)).join("\n");
    let calls = 0;
    const { clients } = server;
    const putMany = clients.putMany.bind(clients);
    clients.putMany = (many) => {
      if (++calls === 2) clients.fail = { ok: false, reason: "unavailable", detail: "It is down." };
      return putMany(many);
    };
    const answer = await server.fetch("/clients", {
      method: "PUT",
      headers: HEADERS,
      body: put1500,
    });
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
    const body = (await answer.json()) as { detail: string; report: BulkReport };
    expect(body.report).toMatchObject({ lines: 1000, created: 1000 });
    expect(body.detail).toBe(
      "The lines up to 1000 are done, and putting all again is safe. The others: It is down.",
    );
    expect(clients.stored.size).toBe(1000);
  });

  test.each(["application/json", "text/plain", ""])("as %p is 415", async (type) => {
    await using server = startControl();
    const headers = { "content-type": type };
    const answer = await server.fetch("/clients", { method: "PUT", headers, body: line("a") });
    expect(answer.status).toBe(415);
    expect(server.clients.stored.size).toBe(0);
  });
});

describe("the lines of a body", () => {
  const read = async (pieces: readonly string[], limits = { line: 8, total: 100 }) => {
    const body = (async function* () {
      for (const piece of pieces) yield Buffer.from(piece, "latin1");
    })();
    const found: (readonly [number, string | null])[] = [];
    try {
      for await (const { number, text } of linesOf(body, limits)) found.push([number, text]);
    } catch (error) {
      found.push([(error as { status: number }).status, "refused"]);
    }
    return found;
  };

  test("are numbered, without their ends and without blank ones", async () => {
    expect(await read(["a\n\n b\r", "\nc"])).toEqual([
      [1, "a"],
      [3, "b"],
      [4, "c"],
    ]);
  });

  test("that are too long or not UTF-8 are told, and the next ones read", async () => {
    expect(await read(["12345678\n123456789\n\xff\nok"])).toEqual([
      [1, "12345678"],
      [2, null],
      [3, null],
      [4, "ok"],
    ]);
    const long = Array.from({ length: 9 }, () => "1234567");
    expect(await read([...long, "\nok\n"])).toEqual([
      [1, null],
      [2, "ok"],
    ]);
  });

  test("end with 413 at the limit of all, after the lines before it", async () => {
    expect(await read(["1234\n", "5678\n", "x"], { line: 8, total: 10 })).toEqual([
      [1, "1234"],
      [2, "5678"],
      [413, "refused"],
    ]);
  });
});
