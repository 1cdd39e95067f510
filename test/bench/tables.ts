// What the client table costs: `bun test/bench/tables.ts`. Nanoseconds an operation, and the
// memory of a million clients.

import { ClientTable } from "../../src/shared/client-table.ts";
import { newTake } from "../../src/shared/gcra.ts";
import { ClientThreads, idOf } from "../support/client-threads.ts";
import { measure, report } from "./measure.ts";

const CLIENTS = 1_000_000;
const LIMIT = { capacity: 1e9, ratePerSec: 1e6 };
const out = newTake();

function residentMegabytes(): number {
  Bun.gc(true);
  return process.memoryUsage.rss() / 1e6;
}

const memory = ClientTable.reserve();
const table = new ClientTable(memory);
const before = residentMegabytes();
const start = Bun.nanoseconds();
for (let i = 0; i < CLIENTS; i++) table.add(`client-${i}`, LIMIT, 1e9, 0);
report("add, to 10^6 clients", (Bun.nanoseconds() - start) / CLIENTS);
console.log(
  `${"memory of 10^6 clients".padEnd(52)} ${(residentMegabytes() - before).toFixed(0)} MB`,
);

const few = Array.from({ length: 100 }, (_, i) => `client-${i * 9973}`);
const many = Array.from({ length: 100_000 }, (_, i) => `client-${(i * 7919) % CLIENTS}`);
measure("find among 10^6, the same client", 1e6, () => table.find(few[0]!));
measure("find among 10^6, 100 clients in turn", 1e6, (i) => table.find(few[i % 100]!));
measure("find among 10^6, 10^5 in turn (cache misses)", 1e5, (i) => table.find(many[i]!));
measure("find of an unknown id", 1e6, () => table.find("nobody-12345"));

const slot = table.find("client-1");
const empty = table.find("client-2");
table.change(empty, { capacity: 1, ratePerSec: 1e-6 }, 0, 0);
let now = 0;
measure("take, admitted", 1e6, () => table.take(slot, (now += 1000), out));
measure("take, limited", 1e6, () => table.take(empty, 0, out));
measure("peek", 1e6, () => table.peek(slot, now, out));
measure("change", 1e5, () => table.change(slot, LIMIT, null, now));
measure("idOf", 1e5, () => table.idOf(slot));
table.drainDirty(() => undefined);
measure("drain, 10^6 idle clients", 100, () => table.drainDirty(() => undefined));

for (const workers of [1, 2]) {
  const times = 1_000_000;
  const contended = ClientTable.reserve({ maxClients: 1 });
  const one = new ClientTable(contended);
  one.add(idOf(0), LIMIT, 1e9, 1e9);
  using threads = new ClientThreads(contended, workers, { kind: "hammer", buckets: 1, times });
  await threads.running();
  const begun = Bun.nanoseconds();
  await threads.results;
  const each = (Bun.nanoseconds() - begun) / times;
  report(`take on one bucket, ${workers} thread(s) at once, a thread`, each);
  console.log(`  gave up against other takes: ${one.givenUp} of ${workers * times}`);
}
