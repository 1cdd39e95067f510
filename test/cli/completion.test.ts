// The completion scripts in the shells they are for.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMMANDS, wordsAfter } from "../../src/cli/commands.ts";
import { completionScript } from "../../src/cli/completion.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gateway-completion-"));
  await writeFile(join(folder, "my.yaml"), "");
});
afterAll(() => rm(folder, { recursive: true }));

function run(command: readonly string[]): string[] {
  const { stdout, stderr, exitCode } = Bun.spawnSync([...command], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, TERM: "dumb" },
  });
  if (exitCode !== 0)
    throw new Error(`${command[0]} exited with ${exitCode}: ${stderr.toString()}`);
  return stdout.toString().split("\n").filter(Boolean);
}

/** What bash offers for the last of the words. */
function inBash(words: readonly string[]): string[] {
  const list = words.map((word) => `'${word}'`).join(" ");
  const script = `${completionScript("bash")}
COMP_WORDS=(${list}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _gateway
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return run(["bash", "--norc", "-uc", script]);
}

/** What fish offers, without descriptions. */
function inFish(words: readonly string[]): string[] {
  const script = `${completionScript("fish")}\ncomplete -C '${words.join(" ")}'`;
  return run(["fish", "--no-config", "-c", script]).map((line) => line.split("\t")[0]!);
}

/** What zsh's own functions are asked to offer; they themselves work only in a line editor. */
function inZsh(words: readonly string[]): string[] {
  const list = words.map((word) => `'${word}'`).join(" ");
  const script = `compdef() { }
_describe() { eval "local -a list=$2"; print -l -- $list }
_arguments() { print -l -- "\${words[CURRENT-1]}" "$@" }
${completionScript("zsh")}
words=(${list}); CURRENT=$#words; _gateway`;
  const offered = run(["zsh", "-f", "-c", script]);
  if (words.length === 2 || (words.length === 3 && words[1] === "clients")) {
    return offered.map((line) => line.split(":")[0]!).filter(startsLike(words.at(-1)!));
  }
  const [before, ...specs] = offered;
  const option = specs.find((spec) => spec.startsWith(`${before}=[`));
  const operand = specs.find((spec) => /^[1*]:/.test(spec));
  const action = (option ?? operand ?? "").split(":").at(-1)!;
  const files = action === "_files" ? ["my.yaml"] : [];
  const names = specs.map((spec) => /^--[a-z-]+/.exec(spec)?.[0] ?? "").filter(Boolean);
  return words.at(-1)!.startsWith("-")
    ? names.filter(startsLike(words.at(-1)!))
    : [
        ...files,
        ...action
          .replaceAll(/[()]/g, "")
          .split(" ")
          .filter((word) => word !== "_files"),
      ];
}

const startsLike = (prefix: string) => (word: string) => word.startsWith(prefix);

const SHELLS = { bash: inBash, fish: inFish, zsh: inZsh };

beforeAll(() => writeFile(join(folder, "zsh"), completionScript("zsh")));

const CASES: [string, readonly string[]][] = [
  ["gateway cl", ["clients"]],
  ["gateway clients ", wordsAfter("clients")],
  ["gateway clients ex", ["export"]],
  ["gateway clients import --for", ["--format"]],
  ["gateway clients import --format ", ["csv", "jsonl"]],
  ["gateway clients import m", ["my.yaml"]],
  ["gateway serve --config m", ["my.yaml"]],
  ["gateway help ", wordsAfter("")],
  ["gateway completion ", ["bash", "fish", "zsh"]],
  ["gateway top --b", ["--by"]],
  ["gateway top --by ", ["admitted", "rejected"]],
];

for (const [shell, complete] of Object.entries(SHELLS)) {
  const there = Bun.which(shell) !== null;
  test.skipIf(!there).each(CASES)(`${shell}: %s`, (line, offered) => {
    const got = complete(line.split(" ")).filter((word) => word !== "");
    expect(got.toSorted()).toEqual(offered.toSorted());
  });

  test.skipIf(!there)(`${shell}: offers every command and every option`, () => {
    const first = complete(["gateway", ""]);
    expect(first).toEqual(expect.arrayContaining(wordsAfter("")));
    for (const { name, options } of COMMANDS) {
      const offered = complete(["gateway", ...name.split(" "), "--"]);
      for (const option of Object.keys(options)) expect(offered).toContain(`--${option}`);
    }
  });
}

test.skipIf(Bun.which("zsh") === null)("zsh: without its completion there is no complaint", () => {
  const { exitCode, stderr } = Bun.spawnSync(["zsh", "-f", "-c", completionScript("zsh")]);
  expect(stderr.toString()).toBe("");
  expect(exitCode).toBe(0);
});
