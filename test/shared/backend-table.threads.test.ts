// The promises of the table under real threads: exact shares, one strict order, flips that act
// everywhere, one messenger for a failure, nothing left behind by a thread that died.

import { expect, test } from "bun:test";
import { BackendTable } from "../../src/shared/backend-table.ts";
import { startBackendThreads } from "../support/backend-threads.ts";

const WORKERS = 4;

function setUp(weights: readonly number[], fall = 3) {
  const memory = BackendTable.reserve({ workers: WORKERS, fall });
  const main = new BackendTable(memory);
  main.setBackends(weights.map((weight, i) => ({ url: `http://10.0.0.${i + 1}:80`, weight })));
  for (const { slot } of main.snapshot()) main.setHealthy(slot, true, 1);
  return { memory, main };
}

function tally(slots: readonly number[]): number[] {
  const counts: number[] = [];
  for (const slot of slots) counts[slot] = (counts[slot] ?? 0) + 1;
  return counts;
}

test("3,000 picks by four threads at once: 1,000 each", async () => {
  const { memory } = setUp([1, 1, 1]);
  using threads = await startBackendThreads(memory, WORKERS, { kind: "pick", times: 750 });
  expect(tally((await threads.results).flat())).toEqual([1000, 1000, 1000]);
});

test("a million picks by weight 1:2:3: exact", async () => {
  const { memory } = setUp([1, 2, 3]);
  using threads = await startBackendThreads(memory, WORKERS, { kind: "pick", times: 300_000 });
  expect(tally((await threads.results).flat())).toEqual([200_000, 400_000, 600_000]);
});

test("threads that pick one after the other see one strict rotation", async () => {
  const { memory } = setUp([1, 1, 1]);
  using threads = await startBackendThreads(memory, WORKERS, {
    kind: "pick-in-turn",
    times: 50,
    workers: WORKERS,
  });
  const results = await threads.results;
  const order = Array.from(
    { length: 50 * WORKERS },
    (_, i) => results[i % WORKERS]![Math.trunc(i / WORKERS)],
  );
  expect(order).toEqual(order.map((_, i) => i % 3));
});

test("a backend that goes down under load is picked by nobody, then by all again", async () => {
  const { memory, main } = setUp([1, 1, 1]);
  const slots = 3;
  const counts = new SharedArrayBuffer(4 * WORKERS * (slots + 1));
  const words = new Int32Array(counts);
  using threads = await startBackendThreads(memory, WORKERS, { kind: "spin", counts, slots });
  const at = (worker: number, column: number) => Atomics.load(words, worker * (slots + 1) + column);
  const picked = (slot: number) =>
    Array.from({ length: WORKERS }, (_, worker) => at(worker, slot)).reduce((a, b) => a + b);
  // Every thread has begun and ended a whole pick since the call.
  const settle = async () => {
    const seen = Array.from({ length: WORKERS }, (_, worker) => at(worker, slots));
    while (seen.some((rounds, worker) => at(worker, slots) < rounds + 2)) await Bun.sleep(1);
  };
  await settle();
  for (let round = 0; round < 20; round++) {
    main.setHealthy(1, false, 1);
    await settle();
    const before = picked(1);
    await settle();
    expect(picked(1)).toBe(before);
    main.setHealthy(1, true, 1);
    await settle();
    await settle();
    expect(picked(1)).toBeGreaterThan(before);
  }
  threads.close();
  await threads.results;
});

test("of all the threads whose connections fail, one is told to notify", async () => {
  const { memory, main } = setUp([1, 1, 1]);
  const job = { kind: "fail", slot: 1, times: 1000 } as const;
  using threads = await startBackendThreads(memory, WORKERS, job);
  expect((await threads.results).flat().reduce((a, b) => a + b)).toBe(1);
  expect(main.snapshot()[1]).toMatchObject({ healthy: false, failures: 4000, flips: 2 });
});

test("the requests of a thread that was killed do not stay in flight", async () => {
  const { memory, main } = setUp([1, 1, 1]);
  const job = { kind: "hold", slot: 2, times: 5 } as const;
  {
    using threads = await startBackendThreads(memory, WORKERS, job);
    await threads.results;
  }
  expect(main.snapshot()[2]).toMatchObject({ inFlight: 20, requests: 20 });
  main.clearWorker(3);
  expect(main.snapshot()[2]).toMatchObject({ inFlight: 15, requests: 20 });
});

test("four threads never have more in flight than the limit", async () => {
  const memory = BackendTable.reserve({ workers: WORKERS, fall: 3 });
  const main = new BackendTable(memory);
  main.setBackends([
    { url: "http://10.0.0.1:80", weight: 1, maxInFlight: 1 },
    { url: "http://10.0.0.2:80", weight: 1, maxInFlight: 2 },
  ]);
  for (const slot of [0, 1]) main.setHealthy(slot, true, 1);
  let most = 0;
  // On a busy machine threads can run one after the other, and none meets another.
  for (let round = 0; most < 2 && round < 20; round++) {
    const job = { kind: "acquire", times: 50_000, taken: new SharedArrayBuffer(8) } as const;
    using threads = await startBackendThreads(memory, WORKERS, job);
    const results = await threads.results;
    most = Math.max(...results.map((counts) => counts[2]!));
    expect(most).toBeLessThanOrEqual(2);
  }
  expect(most).toBe(2);
  expect(main.snapshot().map((view) => view.inFlight)).toEqual([0, 0]);
});

test("as many places as threads: nobody is ever told that there is none", async () => {
  const memory = BackendTable.reserve({ workers: WORKERS, fall: 3 });
  const main = new BackendTable(memory);
  main.setBackends([{ url: "http://10.0.0.1:80", weight: 1, maxInFlight: WORKERS }]);
  main.setHealthy(0, true, 1);
  const job = { kind: "acquire", times: 50_000, taken: new SharedArrayBuffer(8) } as const;
  using threads = await startBackendThreads(memory, WORKERS, job);
  const results = await threads.results;
  expect(results.map((counts) => counts[1])).toEqual([0, 0, 0, 0]);
  expect(main.snapshot()[0]).toMatchObject({ inFlight: 0, requests: 50_000 * WORKERS });
});
