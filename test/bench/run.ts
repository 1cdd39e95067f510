// `bun run bench [--quick] [--only CASE,…] [--seconds N] [--rounds N]`: the gateway beside the
// proxies that are installed, doing the same work in the same run. Each candidate has one core, the
// load and the backends have the other; they take turns, and the medians of the rounds count. The
// results go to .tmp/bench/: results.json and requests.svg.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chosen, countOf, refuseArguments } from "./arguments.ts";
import { withBackends } from "./backend-process.ts";
import { absent, type Candidate, type Running } from "./candidate.ts";
import { type Case, CASES } from "./cases.ts";
import { gateways } from "./gateway.ts";
import { load } from "./load.ts";
import { caddy } from "./peers/caddy.ts";
import { goProxy } from "./peers/go.ts";
import { haproxy } from "./peers/haproxy.ts";
import { nginx } from "./peers/nginx.ts";
import { fastGateway, httpProxy } from "./peers/node.ts";
import { plot } from "./plot.ts";
import { cpuOf, residentMb } from "./process.ts";
import { median, type Sample, summarize, table } from "./report.ts";

const FOLDER = join(import.meta.dir, "../../.tmp/bench");
const WARM_UP_SECONDS = 2;

const USAGE = `usage: bun run bench [--quick] [--only CASE,…] [--seconds N] [--rounds N]
cases: ${CASES.map(({ name }) => name).join(", ")}`;

function readFlags() {
  try {
    const { values } = parseArgs({
      options: {
        help: { type: "boolean", short: "h" },
        quick: { type: "boolean", default: false },
        only: { type: "string" },
        seconds: { type: "string" },
        rounds: { type: "string" },
      },
    });
    return values;
  } catch (error) {
    return refuseArguments((error as Error).message);
  }
}

const flags = readFlags();
if (flags.help) {
  console.log(USAGE);
  process.exit(0);
}
const seconds = countOf("--seconds", flags.seconds, flags.quick ? 2 : 3);
const rounds = countOf("--rounds", flags.rounds, flags.quick ? 1 : 3);
const only = chosen(
  flags.only?.split(",") ?? [],
  CASES.map(({ name }) => name),
);
const quick = flags.quick && flags.only === undefined;
const cases = CASES.filter((test) => only.includes(test.name) && (test.quick || !quick));
for (const { name, halfOf } of cases) {
  if (halfOf !== undefined && !cases.some((test) => test.name === halfOf)) {
    refuseArguments(`"${name}" is half of what "${halfOf}" reaches: name that, too`);
  }
}
const noLoad = absent("wrk");
if (noLoad !== null) refuseArguments(noLoad);

const everyone = [...gateways(), nginx, haproxy, caddy, goProxy, httpProxy, fastGateway];
for (const { name, missing } of everyone) if (missing) console.log(`skipped: ${name}, ${missing}`);
const candidates = everyone.filter(({ missing }) => missing === null);

const samples: Sample[] = [];

/** All cases with one number of registered clients, on candidates started for them. */
async function measure(clients: number, backends: readonly string[]): Promise<void> {
  const running = new Map<Candidate, Running>();
  try {
    for (const [i, candidate] of candidates.entries()) {
      const folder = join(FOLDER, `${clients}-${i}`);
      running.set(candidate, await candidate.start({ backends, clients, folder }));
    }
    const group = cases.filter((test) => test.clients === clients);
    for (const [{ name }, { admitting }] of running) {
      console.error(`warming up ${name}`);
      await load(group[0]!, admitting, WARM_UP_SECONDS, null, FOLDER);
    }
    for (let round = 0; round < rounds; round++) {
      for (const test of group) {
        for (const [{ name, unlimited }, target] of running) {
          if (!(test.limited && unlimited)) await sample(name, test, target);
        }
      }
    }
  } finally {
    for (const process of running.values()) await process.end();
  }
}

async function sample(candidate: string, test: Case, running: Running): Promise<void> {
  const origin = test.limited ? running.limiting : running.admitting;
  const before = cpuOf(running.pid);
  const result = await load(test, origin, seconds, rateOf(candidate, test), FOLDER);
  const after = cpuOf(running.pid);
  const cpu = {
    total: after.total - before.total,
    user: after.user - before.user,
    system: after.system - before.system,
  };
  samples.push({ candidate, test, load: result, cpu, residentMb: residentMb(running.pid) });
  const perSecond = (result.requests / result.seconds).toFixed(0);
  console.error(`${test.title}: ${candidate}: ${perSecond}/s`);
}

/** Half of what the candidate has reached in the case named; null is as much as it can bear. */
function rateOf(candidate: string, { halfOf }: Case): number | null {
  if (halfOf === undefined) return null;
  const reached = samples.filter((s) => s.candidate === candidate && s.test.name === halfOf);
  return median(reached.map((s) => s.load.requests / s.load.seconds)) / 2;
}

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
await withBackends(async (backends) => {
  for (const clients of new Set(cases.map((test) => test.clients))) {
    await measure(clients, backends);
  }
});
const rows = summarize(samples);
const machine = `${cpus()[0]?.model ?? "unknown"}, ${navigator.hardwareConcurrency} cores`;
const results = { at: new Date().toISOString(), bun: Bun.version, machine, seconds, rounds, rows };
writeFileSync(join(FOLDER, "results.json"), JSON.stringify(results, null, 2));
writeFileSync(join(FOLDER, "requests.svg"), plot(rows));
console.log(table(rows));
