// A worker thread that uses a backend table as the data plane does. Its jobs start together: the
// test raises the gate when every worker has said that it is there.

import { BackendTable, type BackendTableMemory } from "../../src/shared/backend-table.ts";
import { pickFrom } from "./picks.ts";

declare const self: Worker;

export type BackendJob =
  /** Picks `times`; answers the slots in order. */
  | { readonly kind: "pick"; readonly times: number }
  /** The same, each pick when the shared turn comes round to this worker. */
  | { readonly kind: "pick-in-turn"; readonly times: number; readonly workers: number }
  /** Reports `times` failed connections; answers how often it was told to notify. */
  | { readonly kind: "fail"; readonly slot: number; readonly times: number }
  /**
   * Takes a place and gives it back, `times` over. Answers how often there was a place, how often
   * there was none, and the most that were ever taken, counted in `taken` by all threads.
   */
  | { readonly kind: "acquire"; readonly times: number; readonly taken: SharedArrayBuffer }
  /** Begins `times` requests and ends none. */
  | { readonly kind: "hold"; readonly slot: number; readonly times: number }
  /** Picks until the gate closes, counting picks by slot and rounds in `counts`. */
  | { readonly kind: "spin"; readonly counts: SharedArrayBuffer; readonly slots: number };

export interface BackendWorkerStart {
  readonly memory: BackendTableMemory;
  readonly worker: number;
  /** Word 0: 1 while open. Word 1: whose turn it is. */
  readonly gate: SharedArrayBuffer;
  readonly job: BackendJob;
}

self.onmessage = ({ data }: MessageEvent<BackendWorkerStart>) => {
  const table = new BackendTable(data.memory, data.worker);
  const gate = new Int32Array(data.gate);
  self.postMessage("there");
  Atomics.wait(gate, 0, 0);
  self.postMessage(run(table, gate, data));
};

function run(table: BackendTable, gate: Int32Array, { job, worker }: BackendWorkerStart): number[] {
  if (job.kind === "pick") return Array.from({ length: job.times }, () => pickFrom(table));
  if (job.kind === "pick-in-turn") {
    return Array.from({ length: job.times }, () => {
      for (let turn = Atomics.load(gate, 1); turn !== worker; turn = Atomics.load(gate, 1)) {
        Atomics.wait(gate, 1, turn);
      }
      const slot = pickFrom(table);
      Atomics.store(gate, 1, (worker + 1) % job.workers);
      Atomics.notify(gate, 1);
      return slot;
    });
  }
  if (job.kind === "fail") {
    const told = Array.from({ length: job.times }, () => table.failed(job.slot, "unconnected"));
    return [told.filter(Boolean).length];
  }
  if (job.kind === "hold") {
    for (let i = 0; i < job.times; i++) table.begin(job.slot);
    return [];
  }
  if (job.kind === "acquire") {
    const taken = new Int32Array(job.taken);
    let [placed, none, most] = [0, 0, 0];
    for (let i = 0; i < job.times; i++) {
      const slot = table.acquire();
      if (slot < 0) {
        none++;
        continue;
      }
      placed++;
      most = Math.max(most, Atomics.add(taken, slot, 1) + 1);
      Atomics.sub(taken, slot, 1);
      table.end(slot);
    }
    return [placed, none, most];
  }
  const counts = new Int32Array(job.counts);
  const own = worker * (job.slots + 1);
  while (Atomics.load(gate, 0) === 1) {
    Atomics.add(counts, own + pickFrom(table), 1);
    Atomics.add(counts, own + job.slots, 1);
  }
  return [];
}
