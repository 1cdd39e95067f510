// Starts several backend workers on one table, opens the gate for all at once, collects what they
// answer.

import type { BackendTableMemory } from "../../src/shared/backend-table.ts";
import type { BackendJob, BackendWorkerStart } from "./backend-worker.ts";

export interface BackendThreads extends Disposable {
  /** One array a worker. */
  readonly results: Promise<number[][]>;
  close(): void;
}

/** Resolves when all workers run; worker `n` has row `n`. */
export async function startBackendThreads(
  memory: BackendTableMemory,
  workers: number,
  job: BackendJob,
): Promise<BackendThreads> {
  const gate = new SharedArrayBuffer(8);
  const word = new Int32Array(gate);
  const threads = Array.from({ length: workers }, (_, worker) => {
    const thread = new Worker(new URL("./backend-worker.ts", import.meta.url));
    const there = answer<"there">(thread);
    thread.postMessage({ memory, worker, gate, job } satisfies BackendWorkerStart);
    return { thread, there };
  });
  await Promise.all(threads.map(({ there }) => there));
  const results = Promise.all(threads.map(({ thread }) => answer<number[]>(thread)));
  Atomics.store(word, 0, 1);
  Atomics.notify(word, 0);
  return {
    results,
    close: () => void Atomics.store(word, 0, 0),
    [Symbol.dispose]() {
      Atomics.store(word, 0, 0);
      for (const { thread } of threads) thread.terminate();
    },
  };
}

function answer<T>(thread: Worker): Promise<T> {
  return new Promise((resolve, reject) => {
    thread.onmessage = ({ data }: MessageEvent<T>) => resolve(data);
    thread.onerror = (event) => reject(new Error(event.message));
  });
}
