// A worker thread that changes slots and marks them, as takes do, while the test's own thread drains.
// A slot is changed again only when its last change was seen: a lost one is never made up for.

import { DirtySet } from "../../src/shared/dirty-set.ts";

declare const self: Worker;

export interface DirtyWorkerStart {
  readonly memory: SharedArrayBuffer;
  /** Changes of each slot. */
  readonly changed: SharedArrayBuffer;
  /** Of these, how many the drain has seen. */
  readonly seen: SharedArrayBuffer;
  /** Word 0: workers that are there. Word 1: 1 when they are to end. Word 2: all changes. */
  readonly board: SharedArrayBuffer;
  readonly worker: number;
  readonly workers: number;
}

self.onmessage = ({ data }: MessageEvent<DirtyWorkerStart>) => {
  const set = new DirtySet(data.memory);
  const [changed, seen, board] = [data.changed, data.seen, data.board].map(
    (memory) => new Int32Array(memory),
  ) as [Int32Array, Int32Array, Int32Array];
  // All begin at once.
  Atomics.add(board, 0, 1);
  while (Atomics.load(board, 0) < data.workers);
  while (Atomics.load(board, 1) === 0) {
    let changes = 0;
    // Neighbours belong to different workers, which so meet in every word.
    for (let slot = data.worker; slot < changed.length; slot += data.workers) {
      if (Atomics.load(seen, slot) !== Atomics.load(changed, slot)) continue;
      Atomics.add(changed, slot, 1);
      set.mark(slot);
      changes++;
    }
    Atomics.add(board, 2, changes);
  }
  self.postMessage("ended");
};
