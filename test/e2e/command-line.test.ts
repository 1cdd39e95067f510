// The compiled executable as a command: what it prints, where, and its exit codes. Expected failures
// end in one line without a stack.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pkg from "../../package.json" with { type: "json" };
import { SETTING_NAMES } from "../../src/config/settings.ts";
import { EXECUTABLE, Gateway } from "../support/gateway.ts";

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "gateway-command-"));
});
afterAll(() => rm(cwd, { recursive: true }));

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const child = Bun.spawn([EXECUTABLE, ...args], { cwd, env, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}

test("--version says the version of the package", async () => {
  expect(await run(["--version"])).toEqual({
    stdout: `gateway ${pkg.version}\n`,
    stderr: "",
    code: 0,
  });
});

test("--help names every setting and every command", async () => {
  const { stdout, code } = await run(["--help"]);
  expect(code).toBe(0);
  for (const name of [...SETTING_NAMES, "gateway demo", "gateway check", "--config"]) {
    expect(stdout).toContain(name);
  }
});

test("a wrong command line exits 64 and says where to look", async () => {
  expect(await run(["serv"])).toEqual({
    stdout: "",
    stderr: 'gateway: unknown command "serv"; did you mean serve?\nTry gateway --help.\n',
    code: 64,
  });
});

test("a wrong configuration stops the start with 78 and every problem", async () => {
  const result = await run(["serve"], { PORT: "x", BACKENDS: "ftp://a" });
  expect(result.code).toBe(78);
  expect(result.stdout).toBe("");
  expect(result.stderr.trimEnd().split("\n")).toEqual([
    expect.stringContaining('gateway: environment: PORT: "x" is refused'),
    expect.stringContaining("gateway: environment: BACKENDS: "),
  ]);
});

test("a .env file or bunfig.toml beside the gateway changes nothing", async () => {
  await Bun.write(join(cwd, ".env"), "PORT=x\n");
  await Bun.write(join(cwd, "bunfig.toml"), 'preload = ["./missing.ts"]\n');
  expect((await run(["check"])).code).toBe(0);
});

describe("check", () => {
  test("prints what would be in force and leaves nothing behind", async () => {
    const { stdout, stderr, code } = await run(["check"], { ADMIN_TOKEN: "0123456789abcdef" });
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/PORT +3030 +\(default\)/);
    expect(stdout).not.toContain("0123456789abcdef");
    expect(await Bun.file(join(cwd, "gateway.db")).exists()).toBe(false);
  });

  test("exits 1 when there are problems", async () => {
    const { stderr, code } = await run(["check", "--config", "missing.yaml"]);
    expect(code).toBe(1);
    expect(stderr).toContain("missing.yaml: cannot be read: there is no such file\n");
  });

  test("--url tells a gateway that is well from one that is not", async () => {
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) =>
        new Response("", { status: Number(new URL(request.url).pathname.slice(1)) }),
    });
    const probe = (path: string, env = {}) => run(["check", "--url", server.url + path], env);
    expect(await probe("200")).toEqual({ stdout: "", stderr: "", code: 0 });
    expect((await probe("503")).stderr).toEndWith("/503 answered 503\n");
    expect((await probe("302")).code).toBe(1);
    // A proxy set for other programs is not asked.
    expect((await probe("204", { HTTP_PROXY: "http://127.0.0.1:1" })).code).toBe(0);
    await server.stop(true);
    expect(await probe("200")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/cannot be reached\n$/),
    });
  });
});

describe("serve", () => {
  test("keeps its pid although it replaces itself, and forgets proxies", async () => {
    using backend = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => new Response("direct"),
    });
    await using gateway = await Gateway.start({
      backends: [backend.url.origin],
      cwd,
      env: { http_proxy: "http://127.0.0.1:1", HTTP_PROXY: "http://127.0.0.1:1" },
    });
    const environment = await Bun.file(`/proc/${gateway.process.pid}/environ`).text();
    expect(environment.split("\0")).toContain("BUN_CONFIG_MAX_HTTP_REQUESTS=65535");
    expect(await (await fetch(gateway.url)).text()).toBe("direct");
  });

  test("goes on serving when the reader of its log is gone", async () => {
    const script = '{ "$0" serve & echo "$!" >&2; wait "$!"; echo "exit $?" >&2; } | head -n 1';
    const port = await freePort();
    const child = Bun.spawn(["sh", "-c", script, EXECUTABLE], {
      cwd,
      env: { PATH: process.env["PATH"] ?? "", HOST: "127.0.0.1", PORT: String(port), WORKERS: "1" },
      stdout: "pipe",
      stderr: "pipe",
    });
    const pid = Number(await nextChunk(child.stderr));
    try {
      expect(await nextChunk(child.stdout)).toContain("no BACKENDS are set");
      const url = `http://127.0.0.1:${port}/`;
      // 503 for want of backends, and a line in the access log that has nowhere to go.
      while ((await statusOf(url)) !== 503) await Bun.sleep(10);
      for (let i = 0; i < 20; i++) expect(await statusOf(url)).toBe(503);
    } finally {
      process.kill(pid, "SIGTERM");
    }
    expect(await nextChunk(child.stderr)).toBe("exit 0\n");
  });
});

async function nextChunk(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return new TextDecoder().decode(value);
}

async function freePort(): Promise<number> {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const port = server.port!;
  await server.stop(true);
  return port;
}

/** 0 while nobody listens. */
async function statusOf(url: string): Promise<number> {
  return await fetch(url).then(
    (response) => response.status,
    () => 0,
  );
}
