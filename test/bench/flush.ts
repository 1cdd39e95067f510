// `bun run bench:flush [CLIENTS] [CHANGED]`: what writing changed buckets to SQLite costs, a million
// clients of which 20,000 at random change between two flushes: CPU µs a bucket, with what keeps the
// journal small; the longest hold of the thread; the size of the file; a start without and with the
// journal; and a bucket that moves from the journal to its row when there is time.

import { statSync } from "node:fs";
import { join } from "node:path";
import { Persistence } from "../../src/control/persistence.ts";
import { mainClock } from "../../src/shared/clock.ts";
import { newTake } from "../../src/shared/gcra.ts";
import {
  ControlPlane,
  removeTemporaryFolders,
  seed,
  temporaryFolder,
} from "../support/database.ts";
import { countOf } from "./arguments.ts";

const clients = countOf("CLIENTS", Bun.argv[2], 1_000_000);
const changed = countOf("CHANGED", Bun.argv[3], 20_000);
/** So that the journal is full and begins anew, twice. */
const flushes = Math.ceil((6 * clients) / changed);

const path = join(temporaryFolder(), "gateway.db");
const config = { kind: "sqlite", path } as const;
await (await ControlPlane.on(config)).close();
await seed(config, clients, { capacity: 1e9, ratePerSec: 0.001 });

const start = (): Promise<ControlPlane> => ControlPlane.on(config, { maxClients: clients });
let plane = await measured("start, empty journal", start, clients);

let longest = 0;
let last = performance.now();
const ticker = setInterval(() => {
  const now = performance.now();
  longest = Math.max(longest, now - last);
  last = now;
}, 1);

let written = 0;
const flushOf = ({ store, clients: { registry }, log }: ControlPlane): Persistence =>
  new Persistence({
    store,
    registry,
    intervalMs: 1_000,
    log,
    onFlush: (report) => (written = report.written),
  });

const clock = mainClock();
const take = newTake();
const persistence = flushOf(plane);
let [cpuMs, buckets, fullest] = [0, 0, 0];
for (let flush = 0; flush < flushes; flush++) {
  for (let i = 0; i < changed; i++) {
    plane.table.take(Math.floor(Math.random() * clients), clock(), take);
  }
  // The turn that made the changes is not one of the flush.
  await new Promise((resolve) => setTimeout(resolve, 2));
  last = performance.now();
  const before = process.cpuUsage();
  await persistence.flush();
  cpuMs += millisecondsSince(before);
  buckets += written;
  fullest = Math.max(fullest, plane.store.clients.journal!.entries);
}
clearInterval(ticker);
console.log(`flush: ${((cpuMs * 1000) / buckets).toFixed(2)} µs a bucket`);
console.log(`longest hold of the thread: ${longest.toFixed(0)} ms`);
const megabytes = (statSync(path).size / 1e6).toFixed(0);
console.log(`journal: at most ${fullest} entries; file: ${megabytes} MB`);
await plane.close();

plane = await measured("start, full journal", start, clients);
const resting = flushOf(plane);
await measured(
  "from the journal to the rows",
  async () => {
    while (plane.store.clients.journal!.entries > 0) await resting.flush();
  },
  clients,
);
await plane.close();
removeTemporaryFolders();

async function measured<T>(name: string, step: () => Promise<T>, count: number): Promise<T> {
  const before = process.cpuUsage();
  const result = await step();
  const ms = millisecondsSince(before);
  console.log(`${name}: ${ms.toFixed(0)} ms, ${((ms * 1000) / count).toFixed(2)} µs a client`);
  return result;
}

function millisecondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
