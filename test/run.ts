// The test command: install, build, format, lint, types, tests. Every step runs whatever became of
// the ones before it that it does not need; a step that fails counts as a failure like a test. The
// last line on stdout is `N passed, N failed, N skipped`, and the exit code is 0 only when nothing
// failed. With CI=true a skipped test is a failure too: a machine that tests can test everything.

import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SETTING_NAMES } from "../src/config/settings.ts";

const ROOT = join(import.meta.dir, "..");
const REPORT = join(ROOT, ".tmp/junit.xml");
const BUN = process.execPath;

interface Step {
  readonly name: string;
  readonly command: readonly string[];
  /** Shown while it runs, not only when it failed. */
  readonly live?: boolean;
}

const PREPARE: readonly Step[] = [
  { name: "install", command: [BUN, "install", "--frozen-lockfile"] },
  { name: "build", command: [BUN, "run", "build"] },
];

const CHECKS: readonly Step[] = [
  { name: "format", command: [BUN, "fmt", "--check"] },
  {
    name: "lint",
    // Its type-aware half asks for node; --bun puts Bun in that place where there is none.
    command: [BUN, "--bun", "run", "oxlint", "--deny-warnings", "src", "test"],
  },
  { name: "types", command: [BUN, "check"] },
];

const TESTS: Step = {
  name: "tests",
  command: [
    BUN,
    "test",
    "--parallel=2",
    "--timeout=30000",
    "--only-failures",
    "--reporter=junit",
    `--reporter-outfile=${REPORT}`,
  ],
  live: true,
};

/** The settings of whoever runs this must not reach the gateways that the tests start. */
function cleanEnvironment(): Record<string, string | undefined> {
  const env = { ...process.env };
  for (const name of [...SETTING_NAMES, "GATEWAY_CONFIG"]) delete env[name];
  for (const name of ["http_proxy", "https_proxy", "all_proxy"]) {
    delete env[name];
    delete env[name.toUpperCase()];
  }
  return env;
}

async function passes({ name, command, live = false }: Step): Promise<boolean> {
  const started = Bun.nanoseconds();
  const child = Bun.spawn([...command], {
    cwd: ROOT,
    // Installing may need the proxy; the tests must not know it.
    env: name === "install" ? process.env : cleanEnvironment(),
    stdin: "ignore",
    // The closing line shall be easy to find: everything else goes to stderr.
    stdout: live ? 2 : "pipe",
    stderr: live ? 2 : "pipe",
  });
  const output = live ? [] : await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
  const passed = (await child.exited) === 0;
  const seconds = ((Bun.nanoseconds() - started) / 1e9).toFixed(1);
  if (!passed) console.error(output.join(""));
  console.error(`${passed ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
  return passed;
}

async function textOf(stream: ReadableStream<Uint8Array> | number | undefined): Promise<string> {
  return stream instanceof ReadableStream ? await new Response(stream).text() : "";
}

interface Totals {
  readonly tests: number;
  readonly failed: number;
  readonly skipped: readonly string[];
}

/** Reads the cases of a JUnit report; null when there is none. */
function readReport(): Totals | null {
  let report: string;
  try {
    report = readFileSync(REPORT, "utf8");
  } catch {
    return null;
  }
  const cases = [...report.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)];
  const skipped = cases.filter(([, , body = ""]) => body.includes("<skipped"));
  const failed = cases.filter(([, , body = ""]) => /<(failure|error)\b/.test(body));
  return {
    tests: cases.length,
    failed: failed.length,
    skipped: skipped.map(
      ([, attributes = ""]) => `${attribute(attributes, "file")}: ${attribute(attributes, "name")}`,
    ),
  };
}

function attribute(attributes: string, name: string): string {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "?";
}

rmSync(REPORT, { force: true });
mkdirSync(join(ROOT, ".tmp"), { recursive: true });

let failedSteps = 0;
let ready = true;
for (const step of PREPARE) {
  ready &&= await passes(step);
  if (!ready) failedSteps = 1;
}
let totals: Totals = { tests: 0, failed: 0, skipped: [] };
if (ready) {
  for (const step of CHECKS) if (!(await passes(step))) failedSteps++;
  const green = await passes(TESTS);
  totals = readReport() ?? totals;
  // A crash or an error between two tests is in no report.
  if ((!green && totals.failed === 0) || totals.tests === 0) failedSteps++;
}
for (const name of totals.skipped) console.error(`skipped: ${name}`);
const failed = totals.failed + failedSteps;
const passed = totals.tests - totals.failed - totals.skipped.length;
const refused = process.env["CI"] === "true" && totals.skipped.length > 0;
if (refused) console.error("With CI=true nothing may be skipped.");
console.log(`${passed} passed, ${failed} failed, ${totals.skipped.length} skipped`);
process.exit(failed > 0 || refused ? 1 : 0);
