// Real threads on one table, the test's own thread as the writer.

import { expect, setDefaultTimeout, test } from "bun:test";
import { ClientTable } from "../../src/shared/client-table.ts";
import { ADMITTED, newTake } from "../../src/shared/gcra.ts";
import { PAUSE } from "../../src/shared/quarantine.ts";
import { capacityOf, churnId, ClientThreads, idOf } from "../support/client-threads.ts";

/** One token in 31 years: nothing comes back during a test. */
const NEVER = 1e-9;
const out = newTake();
/** Some seconds on a busy machine with fewer cores than threads. */
setDefaultTimeout(30_000);

test("threads that empty one bucket together are admitted exactly its tokens, every time", async () => {
  const buckets = 40;
  const times = 3000;
  const memory = ClientTable.reserve({ maxClients: buckets });
  const table = new ClientTable(memory);
  for (let i = 0; i < buckets; i++) {
    table.add(idOf(i), { capacity: 1000, ratePerSec: NEVER }, 1000, 1e9);
  }
  using threads = new ClientThreads(memory, 3, { kind: "hammer", buckets, times });
  const results = await threads.results;
  const usage = { admitted: 0, rejected: 0, lastSeen: 0 };
  for (let i = 0; i < buckets; i++) {
    expect(results.reduce((sum, counts) => sum + counts[i]!, 0)).toBe(1000);
    table.usage(table.find(idOf(i)), usage);
    expect(usage).toEqual({ admitted: 1000, rejected: 3 * times - 1000, lastSeen: 1 });
  }
  expect(table.givenUp).toBe(0);
  let dirty = 0;
  table.drainDirty(() => (dirty += 1));
  expect(dirty).toBe(buckets);
});

test("changing the limit while threads take loses no token and invents none", async () => {
  const memory = ClientTable.reserve({ maxClients: 1 });
  const table = new ClientTable(memory);
  const slot = table.add(idOf(0), { capacity: 1000, ratePerSec: NEVER }, 0, 1e9);
  using threads = new ClientThreads(memory, 2, { kind: "limits" });
  await threads.running();
  const fills = 50;
  for (let i = 0; i < fills; i++) {
    table.change(slot, { capacity: 1000, ratePerSec: NEVER }, 1000, 1e9);
    for (let limit = 2000; table.peek(slot, 1e9, out) && out.remaining >= 1; limit = 3000 - limit) {
      table.change(slot, { capacity: limit, ratePerSec: NEVER }, null, 1e9);
    }
  }
  threads.close();
  let rest = 0;
  while (table.take(slot, 1e9, out) === ADMITTED) rest += 1;
  expect(rest).toBe(0);
  const sum = [0, 0, 0];
  for (const counts of await threads.results) counts.forEach((count, i) => (sum[i]! += count));
  expect(sum[2]).toBe(0);
  // A token at limit 2000 is half of one at limit 1000. A fill may leave less than one token over.
  const spent = sum[0]! / 1000 + sum[1]! / 2000;
  expect(spent).toBeLessThanOrEqual(fills);
  expect(spent).toBeGreaterThan(fills * (1 - 1 / 1000));
  expect(sum[0]).toBeGreaterThan(0);
  expect(sum[1]).toBeGreaterThan(0);
});

test("no take decides by the limit of one moment and the tokens of another", async () => {
  const memory = ClientTable.reserve({ maxClients: 1 });
  const table = new ClientTable(memory);
  // Half full always. One half of a TAT word of the slow bucket would empty the fast one, which
  // fills within a second, the time that the lower 32 bits span being 4.3 s.
  const fast = { capacity: 1e9, ratePerSec: 1e9 };
  const slow = { capacity: 1e9, ratePerSec: 1 };
  const slot = table.add(idOf(0), fast, 5e8, 1e9);
  using threads = new ClientThreads(memory, 2, { kind: "plenty" });
  await threads.running();
  for (let i = 0; i < 100_000; i++) table.change(slot, i % 2 === 0 ? slow : fast, 5e8, 1e9);
  threads.close();
  let refused = 0;
  for (const [admitted, limited] of await threads.results) {
    refused += limited!;
    expect(admitted).toBeGreaterThan(0);
  }
  // A thread that is slow to begin may lose to the changes until it gives up, which is counted.
  expect(refused).toBe(table.givenUp);
});

test("clients that come and go reuse slots, and no thread ever takes from a wrong one", async () => {
  const memory = ClientTable.reserve({ maxClients: 64 });
  const table = new ClientTable(memory);
  table.add(idOf(0), { capacity: 5000, ratePerSec: NEVER }, 5000, 0);
  using threads = new ClientThreads(memory, 2, { kind: "churn" });
  await threads.running();
  const { words, board } = threads;
  const last = 2000;
  for (let number = 1; number <= last; number++) {
    const now = Atomics.load(words, board.SECONDS) * 1e9;
    const capacity = capacityOf(number);
    const slot = table.add(churnId(number), { capacity, ratePerSec: NEVER }, capacity, now);
    expect(slot).toBeGreaterThanOrEqual(0);
    Atomics.store(words, board.NEWEST, number);
    if (number > 3) table.remove(table.find(churnId(number - 3)), now);
    if (number % 50 > 0) continue;
    // The pause stands for more time than any take needs: let every take end, then let it pass.
    threads.settle();
    Atomics.add(words, board.SECONDS, PAUSE / 1e9);
  }
  threads.close();
  const results = await threads.results;
  const admitted = new Map<number, number>();
  let own = 0;
  for (const [wrong, ofOwn, , ...pairs] of results) {
    expect(wrong).toBe(0);
    own += ofOwn!;
    for (let i = 0; i < pairs.length; i += 2) {
      admitted.set(pairs[i]!, (admitted.get(pairs[i]!) ?? 0) + pairs[i + 1]!);
    }
  }
  expect(admitted.size).toBeGreaterThan(10);
  for (const [number, count] of admitted) expect(count).toBeLessThanOrEqual(capacityOf(number));
  while (table.take(table.find(idOf(0)), 1e9, out) === ADMITTED) own += 1;
  expect(own).toBe(5000);
});

test("a known client is always found while the index grows and is cleared of removed ones", async () => {
  const memory = ClientTable.reserve({ maxClients: 40_000 });
  const table = new ClientTable(memory);
  const limit = { capacity: 1, ratePerSec: 1 };
  using threads = new ClientThreads(memory, 2, { kind: "find" });
  const running = threads.running();
  for (let i = 0; i < 4; i++) table.add(idOf(i), limit, 1, 0);
  Atomics.store(threads.words, threads.board.NEWEST, 3);
  await running;
  for (let i = 4; i < 20_000; i++) {
    table.add(idOf(i), limit, 1, i * PAUSE);
    Atomics.store(threads.words, threads.board.NEWEST, i);
    // One that goes at once: its mark stays in the index until that is rebuilt.
    table.remove(table.add(churnId(i), limit, 1, i * PAUSE), i * PAUSE);
  }
  threads.close();
  for (const [lost, found] of await threads.results) {
    expect(lost).toBe(0);
    expect(found).toBeGreaterThan(0);
  }
});
