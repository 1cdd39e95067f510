// A worker thread that uses a client table as the data plane does. All workers of a run pass the
// start of each round together, so that they really meet at the same bucket.

import { ClientTable, type ClientTableMemory } from "../../src/shared/client-table.ts";
import { ADMITTED, GONE, newTake } from "../../src/shared/gcra.ts";
import { capacityOf, churnId, idOf, type ClientBoard, type Job } from "./client-threads.ts";

declare const self: Worker;

export interface ClientWorkerStart {
  readonly memory: ClientTableMemory;
  readonly board: ClientBoard;
  readonly worker: number;
  readonly workers: number;
  readonly job: Job;
}

self.onmessage = ({ data }: MessageEvent<ClientWorkerStart>) => {
  const run = new ClientRun(data);
  run.meet();
  self.postMessage(run[data.job.kind]());
};

/** Each job answers counts; what they mean stands at `Job`. */
class ClientRun {
  readonly #start: ClientWorkerStart;
  readonly #table: ClientTable;
  readonly #board: Int32Array;
  readonly #out = newTake();

  constructor(start: ClientWorkerStart) {
    this.#start = start;
    this.#table = new ClientTable(start.memory);
    this.#board = new Int32Array(start.board.words);
  }

  /** Waits until all workers have come here as often as this one. */
  meet(): void {
    const { GATE, ARRIVED } = this.#start.board;
    const round = Atomics.load(this.#board, GATE);
    if (Atomics.add(this.#board, ARRIVED, 1) + 1 === this.#start.workers) {
      Atomics.store(this.#board, ARRIVED, 0);
      Atomics.store(this.#board, GATE, round + 1);
      Atomics.notify(this.#board, GATE);
    } else while (Atomics.load(this.#board, GATE) === round) Atomics.wait(this.#board, GATE, round);
  }

  #closed(): boolean {
    return Atomics.load(this.#board, this.#start.board.CLOSED) === 1;
  }

  hammer(): number[] {
    const { job } = this.#start;
    if (job.kind !== "hammer") return [];
    return Array.from({ length: job.buckets }, (_, bucket) => {
      const slot = this.#table.find(idOf(bucket));
      this.meet();
      let admitted = 0;
      for (let i = 0; i < job.times; i++) {
        if (this.#table.take(slot, 1e9, this.#out) === ADMITTED) admitted += 1;
      }
      return admitted;
    });
  }

  limits(): number[] {
    const admitted = [0, 0, 0];
    while (!this.#closed()) {
      const outcome = this.#table.take(this.#table.find(idOf(0)), 1e9, this.#out);
      const of = [1000, 2000].indexOf(this.#out.limit);
      if (of < 0 || this.#out.remaining > this.#out.limit) admitted[2]! += 1;
      else if (outcome === ADMITTED) admitted[of]! += 1;
    }
    return admitted;
  }

  plenty(): number[] {
    const counts = [0, 0];
    const slot = this.#table.find(idOf(0));
    while (!this.#closed()) {
      counts[this.#table.take(slot, 1e9, this.#out) === ADMITTED ? 0 : 1]! += 1;
    }
    return counts;
  }

  churn(): number[] {
    const { NEWEST, ROUNDS, SECONDS } = this.#start.board;
    const counts = { admitted: 0, wrong: 0, gone: 0, churned: new Map<number, number>() };
    for (let k = this.#start.worker; !this.#closed(); k += 7919) {
      Atomics.add(this.#board, ROUNDS + this.#start.worker, 1);
      const now = Atomics.load(this.#board, SECONDS) * 1e9;
      const number = Atomics.load(this.#board, NEWEST) - (k % 4);
      const slot = this.#table.find(churnId(number));
      const outcome = slot < 0 ? GONE : this.#table.take(slot, now, this.#out);
      if (outcome === GONE) counts.gone += 1;
      else if (this.#out.limit !== capacityOf(number)) counts.wrong += 1;
      else if (outcome === ADMITTED) {
        counts.churned.set(number, (counts.churned.get(number) ?? 0) + 1);
      }
      const own = this.#table.find(idOf(0));
      if (own < 0) counts.wrong += 1;
      else if (k % 16 === 0 && this.#table.take(own, now, this.#out) === ADMITTED) {
        counts.admitted += 1;
      }
    }
    return [counts.wrong, counts.admitted, counts.gone, ...[...counts.churned].flat()];
  }

  find(): number[] {
    const { NEWEST } = this.#start.board;
    let found = 0;
    let lost = 0;
    for (let k = this.#start.worker; !this.#closed(); k = (k + 7919) % 1e6) {
      const newest = Atomics.load(this.#board, NEWEST);
      // Every other look is for the newest ones, which a missed publication would hide.
      const id = idOf(k % 2 === 0 ? newest - (k % 3) : k % (newest + 1));
      if (newest < 3) continue;
      const slot = this.#table.find(id);
      if (slot < 0 || this.#table.idOf(slot) !== id) lost += 1;
      else found += 1;
    }
    return [lost, found];
  }
}
