// A worker thread that takes from the anonymous table as the data plane does. All workers of a run
// start each round together and visit its addresses, each from another one on.

import type { AddressKey } from "../../src/shared/address.ts";
import { AnonymousTable, type AnonymousTableMemory } from "../../src/shared/anonymous-table.ts";
import { ADMITTED, newTake } from "../../src/shared/gcra.ts";

declare const self: Worker;

export interface AnonymousRound {
  /** Nanoseconds. */
  readonly now: number;
  readonly addresses: readonly AddressKey[];
  /** Takes of each worker from each address. */
  readonly times: number;
}

export interface AnonymousRun {
  readonly memory: AnonymousTableMemory;
  readonly rounds: readonly AnonymousRound[];
  readonly workers: number;
  /** Word 0: rounds opened. Word 1: workers that wait for the next one. */
  readonly gate: SharedArrayBuffer;
}

self.onmessage = ({ data }: MessageEvent<{ run: AnonymousRun; worker: number }>) => {
  const { run, worker } = data;
  const table = new AnonymousTable(run.memory);
  const gate = new Int32Array(run.gate);
  self.postMessage(
    run.rounds.map((round, number) => {
      meet(gate, number, run.workers);
      return visit(table, round, worker);
    }),
  );
};

function meet(gate: Int32Array, round: number, workers: number): void {
  if (Atomics.add(gate, 1, 1) + 1 === workers) {
    Atomics.store(gate, 1, 0);
    Atomics.store(gate, 0, round + 1);
    Atomics.notify(gate, 0);
  }
  // Spinning first: threads that wake from a wait start some 50 µs apart and hardly ever collide.
  for (let spin = 0; spin < 5000; spin++) if (Atomics.load(gate, 0) !== round) return;
  while (Atomics.load(gate, 0) === round) Atomics.wait(gate, 0, round);
}

/** Admitted, by address. */
function visit(table: AnonymousTable, round: AnonymousRound, worker: number): number[] {
  const { addresses, now, times } = round;
  const admitted = addresses.map(() => 0);
  const out = newTake();
  for (let take = 0; take < times; take++) {
    for (let i = 0; i < addresses.length; i++) {
      const at = (i + worker) % addresses.length;
      if (table.take(addresses[at]!, now, out) === ADMITTED) admitted[at]! += 1;
    }
  }
  return admitted;
}
