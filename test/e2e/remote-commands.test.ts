// The commands that ask a running gateway, on the compiled executable: what they print, where, their
// exit codes, and what they change.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "../../src/shared/clients.ts";
import { EXECUTABLE, Gateway } from "../support/gateway.ts";

let folder: string;
let backend: Bun.Server<undefined>;
let gateway: Gateway;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gateway-commands-"));
  backend = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") });
  gateway = await Gateway.start({ backends: [backend.url.origin], env: { ACCESS_LOG: "off" } });
  await gateway.log(({ message }) => message === "backend is healthy");
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await backend.stop(true);
  await rm(folder, { recursive: true });
});

interface RunOptions {
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  readonly of?: Gateway;
}

/** `line`: the words of a command. */
async function run(line: string, { env, stdin = "", of = gateway }: RunOptions = {}) {
  const child = Bun.spawn([EXECUTABLE, ...line.split(" ")], {
    cwd: folder,
    env: { GATEWAY_URL: of.url, ...env },
    stdin: new Blob([stdin]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}

async function get(id: string): Promise<Client | null> {
  const answer = await gateway.api("GET", `/clients/${id}`);
  return answer.status === 404 ? null : ((await answer.json()) as Client);
}

const lines = (text: string) => text.trimEnd().split("\n");

describe("clients", () => {
  test("set creates, and then changes what is given", async () => {
    expect(await run("clients set ann --capacity 100 --rate 0.001")).toEqual({
      stdout: "created ann: 100 of 100 tokens, 0.001 back per second\n",
      stderr: "",
      code: 0,
    });
    expect((await run("clients set ann --tokens 50")).stdout).toStartWith("changed ann: 50 of 100");
    const { stdout } = await run("clients set ann --capacity 200 --json");
    expect(JSON.parse(stdout)).toMatchObject({ client_id: "ann", capacity: 200 });
    expect(Math.floor((await get("ann"))!.current_tokens)).toBe(100);
  });

  test("set of a new client without its limits changes nothing", async () => {
    expect(await run("clients set nobody --rate 1")).toEqual({
      stdout: "",
      stderr: "gateway: there is no client nobody; a new one needs --capacity and --rate\n",
      code: 1,
    });
    expect(await get("nobody")).toBeNull();
  });

  test("get shows use, reset forgets it and fills the bucket", async () => {
    await run("clients set use --capacity 3 --rate 0.001");
    for (let request = 0; request < 5; request++) await gateway.api("GET", "/?client_id=use");
    const shown = await run("clients get use");
    expect(shown.stdout).toMatch(/^tokens +0 of 3, 0.001 back per second$/m);
    expect(shown.stdout).toMatch(/^admitted +3$/m);
    expect(shown.stdout).toMatch(/^rejected +2$/m);
    expect(await run("clients reset use nobody")).toEqual({
      stdout: "reset use: 3 of 3 tokens, 0.001 back per second\n",
      stderr: "gateway: there is no client nobody\n",
      code: 1,
    });
    const { stdout } = await run("clients get use --json");
    expect(JSON.parse(stdout)).toMatchObject({ current_tokens: 3, admitted: 0, rejected: 0 });
  });

  test("delete removes all that exist and names the others", async () => {
    for (const id of ["d1", "d2"]) await run(`clients set ${id} --capacity 1 --rate 1`);
    expect(await run("clients delete d1 nobody d2")).toEqual({
      stdout: "deleted d1\ndeleted d2\n",
      stderr: "gateway: there is no client nobody\n",
      code: 1,
    });
    expect([await get("d1"), await get("d2")]).toEqual([null, null]);
    expect((await run("clients get d1")).stderr).toBe("gateway: There is no client d1.\n");
  });

  test("list is a table for people and JSON for programs", async () => {
    for (const id of ["l1", "l2", "l3"]) await run(`clients set ${id} --capacity 5 --rate 0.5`);
    const { stdout } = await run("clients list --after l1 --limit 2");
    expect(lines(stdout)).toEqual([
      "client_id  capacity  rate_per_sec  current_tokens",
      "l2                5           0.5               5",
      "l3                5           0.5               5",
    ]);
    const json = JSON.parse((await run("clients list --limit 1 --after l2 --json")).stdout);
    expect(json).toEqual({ clients: [await get("l3")] });
    const none = JSON.parse((await run("clients list --after zzz --json")).stdout);
    expect(none).toEqual({ clients: [] });
  });
});

describe("import and export", () => {
  const MANY = 100_000;

  test("a hundred thousand clients go in, come out and go in again", async () => {
    await using other = await Gateway.start();
    const of = other;
    const rows = Array.from({ length: MANY }, (_, at) => `c${at},${10 + (at % 90)},${at + 1}\n`);
    await writeFile(join(folder, "many.csv"), `client_id,capacity,rate_per_sec\n${rows.join("")}`);
    const started = performance.now();
    expect(await run("clients import many.csv", { of })).toEqual({
      stdout: "100,000 created, 0 changed, 0 unchanged\n",
      stderr: "",
      code: 0,
    });
    expect(performance.now() - started).toBeLessThan(20_000);
    const exported = await run("clients export many.jsonl", { of });
    expect(exported).toEqual({
      stdout: "",
      stderr: "100,000 clients written to many.jsonl\n",
      code: 0,
    });
    expect((await stat(join(folder, "many.jsonl"))).mode & 0o777).toBe(0o600);
    const csv = await run("clients export --format csv --without-tokens", { of });
    expect(lines(csv.stdout).slice(1).toSorted()).toEqual(
      rows.map((row) => row.trimEnd()).toSorted(),
    );
    const again = await run("clients import - --json", { of, stdin: csv.stdout });
    expect(JSON.parse(again.stdout)).toMatchObject({ created: 0, changed: 0, unchanged: MANY });
  }, 60_000);

  test("a file with a mistake changes nothing and says where it is", async () => {
    await writeFile(join(folder, "bad.csv"), "client_id,capacity,rate_per_sec\ni1,1,1\ni2,x,1\n");
    expect(await run("clients import bad.csv")).toEqual({
      stdout: "",
      stderr:
        'bad.csv:3: capacity must be a number from 1 to 1000000000, not "x"\n' +
        "gateway: 1 row refused\n" +
        "gateway: nothing was changed; --keep-going would send the other 1 row\n",
      code: 65,
    });
    expect(await get("i1")).toBeNull();
    const dry = await run("clients import bad.csv --dry-run");
    expect(dry).toMatchObject({ stdout: "1 row would be sent\n", code: 65 });
    expect(await get("i1")).toBeNull();
    const going = await run("clients import bad.csv --keep-going");
    expect(going).toMatchObject({ stdout: "1 created, 0 changed, 0 unchanged\n", code: 65 });
    expect(await get("i1")).toMatchObject({ capacity: 1 });
  });

  test("a file that is not there", async () => {
    expect(await run("clients import missing.csv")).toEqual({
      stdout: "",
      stderr: "gateway: missing.csv cannot be read: there is no such file\n",
      code: 66,
    });
  });

  test("an export that fails leaves the earlier one", async () => {
    await writeFile(join(folder, "kept.csv"), "earlier");
    const failed = await run("clients export kept.csv", {
      env: { GATEWAY_URL: "http://127.0.0.1:1" },
    });
    expect(failed.code).toBe(69);
    expect(await Bun.file(join(folder, "kept.csv")).text()).toBe("earlier");
    expect(await Bun.file(join(folder, "kept.csv.part")).exists()).toBe(false);
    expect((await run("clients export no/folder.csv")).code).toBe(73);
  });

  test("a reader that has seen enough ends it without a word", async () => {
    await using other = await Gateway.start();
    const rows = Array.from({ length: 5_000 }, (_, at) => `c${at},1,1\n`).join("");
    const stdin = `client_id,capacity,rate_per_sec\n${rows}`;
    await run("clients import -", { of: other, stdin });
    const script = '{ "$0" clients export; echo "$?" >&2; } | head -n 1';
    const child = Bun.spawn(["sh", "-c", script, EXECUTABLE], {
      env: { PATH: process.env["PATH"] ?? "", GATEWAY_URL: other.url },
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(lines(await new Response(child.stdout).text())).toHaveLength(1);
    expect(await new Response(child.stderr).text()).toBe("141\n");
  });
});

describe("status", () => {
  test("says that all is well", async () => {
    const { stdout, code } = await run("status");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}state +ready$/m);
    expect(stdout).toMatch(/^ {2}database +answers, /m);
    expect(stdout).toMatch(new RegExp(`^${backend.url.origin} +up +1 `, "m"));
    const before = JSON.parse((await run("status --json")).stdout);
    await (await gateway.api("GET", "/")).text();
    const after = JSON.parse((await run("status --json")).stdout);
    expect(after.requests_admitted).toBe(before.requests_admitted + 1);
    expect(JSON.parse((await run("status --json")).stdout)).toMatchObject({
      ready: true,
      workers: 2,
      database_up: true,
      backends: [{ url: backend.url.origin, open: true }],
    });
  });

  test("exits 1 and says why when the gateway wants no traffic", async () => {
    await using other = await Gateway.start();
    const { stdout, code } = await run("status", { of: other });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ {2}state +not ready: No backend is open to requests/m);
    expect(stdout).toEndWith("no backends\n");
  });
});

describe("access", () => {
  test("a gateway with a token: without it, with a wrong one, by environment and by file", async () => {
    await using other = await Gateway.start({ env: { ADMIN_TOKEN: "right-token" } });
    await writeFile(join(folder, "token"), "right-token\n");
    const asked = (env = {}, options = "") =>
      run(`clients list${options}`, { of: other, env: { ...env } });
    expect(await asked()).toMatchObject({
      code: 77,
      stderr: `gateway: ${other.url} wants its admin token: put it into ADMIN_TOKEN, or into a file for --token-file\n`,
    });
    const wrong = await asked({ ADMIN_TOKEN: "wrong-token" });
    expect(wrong).toMatchObject({
      code: 77,
      stderr: `gateway: ${other.url} does not accept the token from ADMIN_TOKEN\n`,
    });
    expect((await asked({ ADMIN_TOKEN: "right-token" })).code).toBe(0);
    expect((await asked({ ADMIN_TOKEN: "wrong-token" }, " --token-file token")).code).toBe(0);
  });

  test("an address that may not: told how to get in", async () => {
    await using other = await Gateway.start({ env: { ADMIN_ALLOW: "10.0.0.0/8" } });
    const { stderr, code } = await run("status", { of: other });
    expect(code).toBe(77);
    expect(stderr).toContain("ADMIN_ALLOW");
    expect(stderr).toContain("ADMIN_TOKEN");
  });

  test("nothing listens there: which URL, and how to start one", async () => {
    expect(await run("status --url http://127.0.0.1:1")).toEqual({
      stdout: "",
      stderr:
        "gateway: no gateway listens at http://127.0.0.1:1\n" +
        "gateway: Start one with gateway serve, or say where it is with --url or GATEWAY_URL.\n",
      code: 69,
    });
  });
});

describe("top", () => {
  test("one look: who was rejected, most first", async () => {
    await run("clients set busy --capacity 1 --rate 0.001");
    await run("clients set busier --capacity 1 --rate 0.001");
    for (let request = 0; request < 4; request++) await gateway.api("GET", "/?client_id=busy");
    for (let request = 0; request < 9; request++) await gateway.api("GET", "/?client_id=busier");
    // The list is made at most once a second.
    const deadline = Date.now() + 5_000;
    let shown: { client_id: string; rejected: number }[] = [];
    while (shown.length < 2 && Date.now() < deadline) {
      const { stdout } = await run("top --json --limit 2");
      shown = JSON.parse(stdout).clients;
    }
    expect(shown).toMatchObject([
      { client_id: "busier", rejected: 8 },
      { client_id: "busy", rejected: 3 },
    ]);
    const { stdout } = await run("top");
    expect(stdout.indexOf("busier ")).toBeLessThan(stdout.indexOf("busy "));
    expect(stdout).not.toContain("\u001B");
  });

  test("live: drawn again and again, ordered by a key, ended by q with the terminal as it was", async () => {
    let seen = "";
    let heard = Promise.withResolvers<void>();
    const child = Bun.spawn([EXECUTABLE, "top", "--interval", "200ms"], {
      env: { GATEWAY_URL: gateway.url, TERM: "xterm" },
      terminal: {
        cols: 100,
        rows: 30,
        data(_, bytes) {
          seen += Buffer.from(bytes).toString();
          heard.resolve();
          heard = Promise.withResolvers();
        },
      },
    });
    const until = async (text: string) => {
      while (!seen.includes(text)) await heard.promise;
      seen = seen.slice(seen.indexOf(text) + text.length);
    };
    await until("\u001B[?1049h");
    await until("most rejected first");
    // The second look can tell rates.
    await until("/s admitted");
    child.terminal!.write("a");
    await until("most admitted first");
    child.terminal!.write("q");
    await until("\u001B[?1049l");
    expect(await child.exited).toBe(0);
  });
});

test("--help of a command, and a hint to it", async () => {
  const { stdout } = await run("clients import --help");
  expect(stdout).toStartWith("Usage: gateway clients import FILE|- [OPTIONS]\n");
  expect(await run("clients imprt x")).toEqual({
    stdout: "",
    stderr:
      'gateway: unknown command "clients imprt"; did you mean clients import?\nTry gateway clients --help.\n',
    code: 64,
  });
  expect((await run("completion bash")).stdout).toContain("complete -F _gateway gateway");
});
