// `bun run bench:watched`: what it costs to be looked at. The same load in turns with nobody looking
// and with the dashboard open (its event stream and the requests its page repeats) and
// `/-/metrics` read every second; both transports. Prints throughput and CPU µs a request of both,
// and the median of the ratios of neighbouring turns. ROUNDS and SECONDS change how long it takes;
// EXECUTABLE measures another build.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countOf } from "./arguments.ts";
import { withBackends } from "./backend-process.ts";
import type { Running } from "./candidate.ts";
import { CASES } from "./cases.ts";
import { gateways } from "./gateway.ts";
import { load } from "./load.ts";
import { cpuOf } from "./process.ts";
import { median } from "./report.ts";

const ROUNDS = countOf("ROUNDS", process.env["ROUNDS"], 12);
const SECONDS = countOf("SECONDS", process.env["SECONDS"], 4);
const REGISTERED = 1_000;
const executable = process.env["EXECUTABLE"];
const setting = executable === undefined ? "" : ` EXECUTABLE=${executable}`;
const folder = mkdtempSync(join(tmpdir(), "gateway-watched-"));
const get = { ...CASES.find(({ name }) => name === "get")!, clients: REGISTERED };

interface Turn {
  readonly perSecond: number;
  readonly cpuMicros: number;
}

/** What a page that is open asks for, and a scraper beside it, until `stop` is called. */
function look(origin: string): { stop: () => Promise<void> } {
  const abort = new AbortController();
  const { signal } = abort;
  const read = async (path: string): Promise<void> => {
    const answer = await fetch(origin + path, { signal });
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`);
    for await (const _ of answer.body!);
  };
  const ids = Array.from({ length: 50 }, (_, i) => `client-${i}`).join("%2C");
  const stream = read("/-/dashboard/events");
  let turns = 0;
  let failed: unknown = null;
  const round = async (): Promise<void> => {
    const asked = [read("/-/metrics")];
    asked.push(
      read(
        turns % 5 === 0
          ? "/-/dashboard/clients?order=admitted&limit=50"
          : `/-/dashboard/buckets?ids=${ids}`,
      ),
    );
    if (turns++ % 3 === 0) asked.push(read("/-/top?by=admitted&limit=10"));
    await Promise.all(asked);
  };
  const note = (error: unknown): void => {
    if (!signal.aborted) failed ??= error;
  };
  stream.catch(note);
  const timer = setInterval(() => void round().catch(note), 1_000);
  return {
    async stop() {
      clearInterval(timer);
      abort.abort();
      await stream.catch(() => undefined);
      if (failed !== null) throw failed;
      if (turns === 0) throw new Error("nobody looked");
    },
  };
}

async function turn(running: Running, watched: boolean): Promise<Turn> {
  const watcher = watched ? look(running.admitting) : null;
  const before = cpuOf(running.pid).total;
  const { requests, seconds, refused, broken } = await load(
    get,
    running.admitting,
    SECONDS,
    null,
    folder,
  );
  const used = cpuOf(running.pid).total - before;
  await watcher?.stop();
  if (refused + broken > 0) throw new Error(`${refused} refused, ${broken} broken`);
  return { perSecond: requests / seconds, cpuMicros: used / 1e3 / requests };
}

async function measure(transport: string, backends: readonly string[]): Promise<void> {
  const [gateway] = gateways(`gateway: TRANSPORT=${transport}${setting}`);
  const running = await gateway!.start({
    backends,
    clients: REGISTERED,
    folder: join(folder, transport),
  });
  try {
    await load(get, running.admitting, 3, null, folder);
    const alone: Turn[] = [];
    const watched: Turn[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      // Which comes first changes, so that a machine that grows slower favours neither.
      const order = i % 2 === 0 ? [false, true] : [true, false];
      for (const looked of order) (looked ? watched : alone).push(await turn(running, looked));
    }
    const change = (of: keyof Turn): string => {
      const ratio = median(watched.map((it, i) => it[of] / alone[i]![of]));
      return `${((ratio - 1) * 100).toFixed(1)} %`;
    };
    const middle = (turns: Turn[], of: keyof Turn): number => median(turns.map((it) => it[of]));
    console.log(
      `${transport}: alone ${middle(alone, "perSecond").toFixed(0)}/s, ` +
        `${middle(alone, "cpuMicros").toFixed(1)} µs; watched ` +
        `${middle(watched, "perSecond").toFixed(0)}/s, ` +
        `${middle(watched, "cpuMicros").toFixed(1)} µs; throughput ${change("perSecond")}, ` +
        `CPU a request ${change("cpuMicros")} (${ROUNDS} pairs of ${SECONDS} s)`,
    );
  } finally {
    await running.end();
  }
}

try {
  await withBackends(async (backends) => {
    for (const transport of ["fetch", "pooled"]) await measure(transport, backends);
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
