// `bun run bench:start`: how long after its exec the gateway answers the first proxied request, with
// an empty database and with 10^5 clients, on one core and on all. Milliseconds: least, median and
// worst of ten starts. EXECUTABLE measures another build, or several, separated by commas: they take
// turns, so that what else the machine does meets them alike.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../../src/control/db/store.ts";
import { createLogger } from "../../src/shared/log.ts";
import { seed } from "../support/database.ts";
import { countOf } from "./arguments.ts";
import { CANDIDATE_CORE, freePort, Process } from "./process.ts";
import { median } from "./report.ts";

const STARTS = countOf("STARTS", process.env["STARTS"], 10);
const executables = (process.env["EXECUTABLE"] ?? join(import.meta.dir, "../../gateway")).split(
  ",",
);
const folder = mkdtempSync(join(tmpdir(), "gateway-start-"));
const backend = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("ok") });

async function measure(
  title: string,
  clients: number,
  core: number | null,
  workers: string,
): Promise<void> {
  const times = executables.map((): number[] => []);
  for (let i = 0; i < STARTS; i++) {
    for (const [index, executable] of executables.entries()) {
      times[index]!.push(await start(executable, clients, core, workers));
    }
  }
  for (const [index, executable] of executables.entries()) {
    const [least, worst] = [Math.min(...times[index]!), Math.max(...times[index]!)];
    const name = executables.length > 1 ? ` ${executable}` : "";
    console.log(
      `${title.padEnd(44)} least ${least.toFixed(0).padStart(4)} ms, ` +
        `median ${median(times[index]!).toFixed(0).padStart(4)}, worst ${worst.toFixed(0)}${name}`,
    );
  }
}

/** Milliseconds from the exec to the first proxied answer. */
async function start(
  executable: string,
  clients: number,
  core: number | null,
  workers: string,
): Promise<number> {
  const path = join(folder, `${clients}.db`);
  if (clients === 0)
    for (const end of ["", "-wal", "-shm", "-lock"]) rmSync(path + end, { force: true });
  const port = await freePort();
  const begun = performance.now();
  const gateway = new Process(core, [executable], {
    cwd: folder,
    env: {
      HOST: "127.0.0.1",
      PORT: String(port),
      WORKERS: workers,
      BACKENDS: `http://127.0.0.1:${backend.port}`,
      DATABASE_URL: `sqlite://${path}`,
    },
  });
  try {
    await gateway.answers(`http://127.0.0.1:${port}/?client_id=client-0`, { pollMs: 2 });
    return performance.now() - begun;
  } finally {
    await gateway.end();
  }
}

try {
  const log = createLogger({
    level: "error",
    format: "json",
    component: "bench",
    writer: { write: () => undefined },
  });
  const many = { kind: "sqlite", path: join(folder, "100000.db") } as const;
  await (await openStore(many, { log })).close();
  await seed(many, 100_000, { capacity: 1e6, ratePerSec: 1e3 });
  for (const [where, core, workers] of [
    ["one core, 1 worker", CANDIDATE_CORE, "1"],
    ["all cores, 1 worker", null, "1"],
    ["all cores, a worker each", null, String(navigator.hardwareConcurrency)],
  ] as const) {
    await measure(`no clients, ${where}`, 0, core, workers);
    await measure(`10^5 clients, ${where}`, 100_000, core, workers);
  }
} finally {
  await backend.stop(true);
  rmSync(folder, { recursive: true, force: true });
}
