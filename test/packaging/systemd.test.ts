// The systemd unit, as systemd's own tools judge it.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArguments } from "../../src/cli/arguments.ts";
import { SETTINGS } from "../../src/config/settings.ts";
import { EXIT } from "../../src/shared/start-error.ts";

const UNIT = join(import.meta.dir, "../../src/packaging/systemd/gateway.service");

let folder: string;
let text: string;
let unit: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gateway-unit-"));
  text = await Bun.file(UNIT).text();
  // The tool wants the executable to be there; any will do.
  unit = join(folder, "gateway.service");
  await Bun.write(unit, text.replaceAll("/usr/local/bin/gateway", process.execPath));
});
afterAll(() => rm(folder, { recursive: true }));

const values = (name: string) =>
  [...text.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map((match) => match[1]!);

const analyze = (...args: string[]) => {
  const { stdout, stderr, exitCode } = Bun.spawnSync(["systemd-analyze", ...args]);
  return { output: `${stdout.toString()}${stderr.toString()}`, exitCode };
};

test.skipIf(!Bun.which("systemd-analyze"))("is understood without a complaint", async () => {
  expect(analyze("verify", unit)).toEqual({ output: "", exitCode: 0 });
  await Bun.write(unit, `${await Bun.file(unit).text()}\n[Service]\nRestrt=always\n`);
  expect(analyze("verify", unit).output).toContain("Restrt");
});

test.skipIf(!Bun.which("systemd-analyze"))("exposes little: at most 2 of 10", () => {
  const { output, exitCode } = analyze("security", "--offline=true", "--threshold=20", UNIT);
  expect(output).toContain("Overall exposure level");
  expect(exitCode).toBe(0);
});

test("runs commands that exist", () => {
  const commands = values("ExecStart");
  expect(commands).toHaveLength(1);
  const [executable, ...args] = commands[0]!.split(" ");
  expect(executable).toBe("/usr/local/bin/gateway");
  expect(parseArguments(args)).toMatchObject({ ok: true });
  // How another command ends decides nothing about a restart, only how the gateway does.
  expect(values("ExecStartPre")).toEqual([]);
});

test("waits longer for the end than the gateway takes, and does not repeat what cannot work", () => {
  const drainSeconds = Number.parseInt(SETTINGS.DRAIN_TIMEOUT.shown, 10);
  expect(Number.parseInt(values("TimeoutStopSec")[0]!, 10)).toBeGreaterThan(drainSeconds + 10);
  expect(values("RestartPreventExitStatus")[0]!.split(" ").map(Number)).toEqual([
    EXIT.usage,
    EXIT.notPermitted,
    EXIT.config,
  ]);
});
