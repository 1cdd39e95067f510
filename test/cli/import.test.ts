// An import that breaks off: what was done is said, and the same command does the rest.

import { afterAll, beforeAll, expect, spyOn, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { importClients } from "../../src/cli/remote/import.ts";
import { RunningGateway } from "../../src/cli/remote/running-gateway.ts";
import { EXIT } from "../../src/shared/start-error.ts";

const ROWS = 12_000;

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gateway-import-"));
  file = join(folder, "clients.csv");
  const rows = Array.from({ length: ROWS }, (_, at) => `c${at},10,1\n`);
  await writeFile(file, `client_id,capacity,rate_per_sec\n${rows.join("")}`);
});
afterAll(() => rm(folder, { recursive: true }));

/** Answers each `PUT /clients` with its number, counted from 1, and how many lines its body has. */
function serving(answer: (put: number, lines: number) => Response) {
  let puts = 0;
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => answer(++puts, (await request.text()).trimEnd().split("\n").length),
  });
}

const report = (lines: number, more = {}) => ({
  lines,
  created: lines,
  changed: 0,
  unchanged: 0,
  refused: 0,
  errors: [],
  ...more,
});

async function importInto(url: URL): Promise<unknown> {
  const remote = { url: url.origin, tokenFile: null, json: false };
  const options = { file, format: null, keepGoing: false, dryRun: false };
  const gateway = await RunningGateway.of(remote, {});
  return await importClients(gateway, { name: "clients import", remote, ...options }).catch(
    (error: unknown) => error,
  );
}

test("a database that goes away in the middle: counted up to where it was", async () => {
  using server = serving((put, lines) =>
    put === 1
      ? Response.json(report(lines))
      : Response.json(
          { status: 503, detail: "The database is away.", report: report(1_000) },
          { status: 503, headers: { "content-type": "application/problem+json" } },
        ),
  );
  expect(await importInto(server.url)).toMatchObject({
    exitCode: EXIT.unavailable,
    message:
      "The database is away.\n6,000 of 12,000 rows were done before; the same command again does the rest",
  });
});

test("a gateway that goes away in the middle", async () => {
  using server = serving((put, lines) => {
    if (put === 2) void server.stop(true);
    return Response.json(report(lines));
  });
  expect(await importInto(server.url)).toMatchObject({
    exitCode: EXIT.unavailable,
    message: expect.stringContaining("5,000 of 12,000 rows were done before"),
  });
});

test("what the gateway refuses is told by the lines of the file", async () => {
  const errors = spyOn(console, "error").mockImplementation(() => undefined);
  try {
    using server = serving((put, lines) =>
      Response.json(
        put === 3
          ? report(lines, {
              created: lines - 200,
              refused: 200,
              errors: Array.from({ length: 100 }, (_, at) => ({ line: at + 1, detail: "no room" })),
            })
          : report(lines),
      ),
    );
    expect(await importInto(server.url)).toBe(EXIT.data);
    const told = errors.mock.calls.map(([line]) => String(line));
    // Line 1 names the columns, and two batches of 5,000 went before.
    expect(told[0]).toBe(`${file}:10002: no room`);
    expect(told.slice(20)).toEqual(["and 180 more", "gateway: 200 rows refused"]);
  } finally {
    errors.mockRestore();
  }
});
