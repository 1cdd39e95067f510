// The set of changed slots alone, and with real threads that mark while the test's own one drains.

import { expect, test } from "bun:test";
import { DirtySet } from "../../src/shared/dirty-set.ts";
import type { DirtyWorkerStart } from "../support/dirty-worker.ts";

function drained(set: DirtySet, end: number): number[] {
  const slots: number[] = [];
  set.drain(end, (slot) => slots.push(slot));
  return slots;
}

test("a drain visits each marked slot once, the last bit of a word too", () => {
  const set = new DirtySet(DirtySet.reserve(100));
  for (const slot of [0, 31, 32, 63, 99, 31]) set.mark(slot);
  expect(drained(set, 100)).toEqual([0, 31, 32, 63, 99]);
  expect(drained(set, 100)).toEqual([]);
  set.mark(31);
  expect(drained(set, 100)).toEqual([31]);
});

test("a slot marked while it is visited is visited by the next drain", () => {
  const set = new DirtySet(DirtySet.reserve(64));
  set.mark(40);
  set.drain(64, (slot) => set.mark(slot));
  expect(drained(set, 64)).toEqual([40]);
});

const WORKERS = 2;

function startWorkers(slots: number) {
  const start: Omit<DirtyWorkerStart, "worker"> = {
    memory: DirtySet.reserve(slots),
    changed: new SharedArrayBuffer(slots * 4),
    seen: new SharedArrayBuffer(slots * 4),
    board: new SharedArrayBuffer(12),
    workers: WORKERS,
  };
  const set = new DirtySet(start.memory);
  const [changed, seen] = [new Int32Array(start.changed), new Int32Array(start.seen)];
  const board = new Int32Array(start.board);
  const threads = Array.from({ length: WORKERS }, (_, worker) => {
    const thread = new Worker(new URL("../support/dirty-worker.ts", import.meta.url));
    const ended = new Promise<void>((resolve, reject) => {
      thread.onmessage = () => resolve();
      thread.onerror = (event) => reject(new Error(event.message));
    });
    thread.postMessage({ ...start, worker } satisfies DirtyWorkerStart);
    return { thread, ended };
  });
  return {
    changed,
    seen,
    changes: () => Atomics.load(board, 2),
    look: () => set.drain(slots, (slot) => Atomics.store(seen, slot, Atomics.load(changed, slot))),
    async end() {
      Atomics.store(board, 1, 1);
      await Promise.all(threads.map(({ ended }) => ended));
    },
    [Symbol.dispose]() {
      for (const { thread } of threads) thread.terminate();
    },
  };
}

test("no mark is lost that threads make in one word at once", async () => {
  const slots = 2 ** 20;
  using workers = startWorkers(slots);
  while (workers.changes() < slots) await Bun.sleep(1);
  await workers.end();
  workers.look();
  expect(workers.seen.every((count) => count === 1)).toBe(true);
}, 30_000);

test("no change is lost that threads make while another one drains", async () => {
  using workers = startWorkers(256);
  // Slots whose change was lost stand still: then it never comes to that many.
  const until = performance.now() + 5000;
  while (workers.changes() < 50_000 && performance.now() < until) {
    workers.look();
    await Bun.sleep(0);
  }
  await workers.end();
  workers.look();
  expect(workers.changes()).toBeGreaterThan(0);
  expect(workers.seen).toEqual(workers.changed);
}, 30_000);
