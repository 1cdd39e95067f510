// A benchmark that is asked for what it cannot do says so in one line, and starts nothing.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";

async function run(file: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, file), ...args], {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const said = [new Response(child.stdout).text(), new Response(child.stderr).text()];
  const [stdout = "", stderr = ""] = await Promise.all(said);
  return { code: await child.exited, stdout, stderr };
}

describe("bun run bench", () => {
  test.each([
    [["--only", "nonsense"], /^bench: there is no "nonsense"; there are get, 429, .*\n$/],
    [["--only", ""], /^bench: there is no ""; .*\n$/],
    [["--only", "half"], /^bench: "half" is half of what "get" reaches: name that, too\n$/],
    [["--rounds", "x"], /^bench: --rounds must be a whole number from 1, not "x"\n$/],
    [["--rounds", "0"], /^bench: --rounds must be a whole number from 1, not "0"\n$/],
    [["--seconds", "1.5"], /^bench: --seconds must be a whole number from 1, not "1.5"\n$/],
    [["--nonsense"], /^bench: .*--nonsense.*\n$/],
    [["nonsense"], /^bench: .*nonsense.*\n$/],
    [["--seconds"], /^bench: .*--seconds.*\n$/],
  ])("%j is refused", async (args, line) => {
    const { code, stdout, stderr } = await run("run.ts", args);
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(line),
    });
  });

  test("--help says how it is used", async () => {
    const { code, stdout, stderr } = await run("run.ts", ["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toStartWith("usage: bun run bench [--quick]");
    expect(stdout).toContain("cases: get, 429,");
  });
});

describe("the other benchmarks", () => {
  test.each([
    ["memory.ts", ["nonsense"], {}, 'there is no "nonsense"; there are clients, bodies, requests'],
    ["memory.ts", [], { REQUESTS: "x" }, 'REQUESTS must be a whole number from 1, not "x"'],
    ["flush.ts", ["1000", "-1"], {}, 'CHANGED must be a whole number from 1, not "-1"'],
    ["start.ts", [], { STARTS: "" }, 'STARTS must be a whole number from 1, not ""'],
    ["watched.ts", [], { ROUNDS: "1e3" }, 'ROUNDS must be a whole number from 1, not "1e3"'],
  ] as const)("%s %j %j is refused", async (file, args, env, reason) => {
    const { code, stdout, stderr } = await run(file, args, env);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: "", stderr: `bench: ${reason}\n` });
  });
});
