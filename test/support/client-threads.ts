// Starts several client workers on one table and collects what they counted; the test's own thread
// is the writer, as the main thread is in the gateway.

import type { ClientTableMemory } from "../../src/shared/client-table.ts";
import type { ClientWorkerStart } from "./client-worker.ts";

export type Job =
  /** Takes `times` from each of the clients 0 … `buckets` - 1. Answers: admitted, by bucket. */
  | { readonly kind: "hammer"; readonly buckets: number; readonly times: number }
  /** Takes from client 0 until closed. Answers: admitted at limit 1000, at 2000, torn limits. */
  | { readonly kind: "limits" }
  /** Takes from client 0, which is never empty, until closed. Answers: admitted, limited. */
  | { readonly kind: "plenty" }
  /** Takes from the newest churned clients and client 0 until closed. Answers: wrong clients,
   * admitted to client 0, gone ones, then number and admitted of each churned client. */
  | { readonly kind: "churn" }
  /** Finds clients up to the newest until closed. Answers: lost ones, found ones. */
  | { readonly kind: "find" };

/** Words that test and workers share, and where they lie. */
export interface ClientBoard {
  readonly words: SharedArrayBuffer;
  readonly GATE: number;
  readonly ARRIVED: number;
  readonly CLOSED: number;
  /** Number of the client that was added last. */
  readonly NEWEST: number;
  /** The time that the writer says it is. */
  readonly SECONDS: number;
  /** From here on one word a worker: finds and takes it has finished. */
  readonly ROUNDS: number;
}

/** Ids of different lengths, so that they live in different size classes. */
export function idOf(number: number): string {
  return `client-${number}-`.padEnd(9 + (number % 40), "x");
}

export function churnId(number: number): string {
  return `churn-${number}-`.padEnd(9 + (number % 40), "y");
}

/** A churned client's capacity tells which one it is. */
export function capacityOf(number: number): number {
  return 1 + (number % 997);
}

export class ClientThreads implements Disposable {
  readonly board: ClientBoard = {
    words: new SharedArrayBuffer(256),
    GATE: 0,
    ARRIVED: 1,
    CLOSED: 2,
    NEWEST: 3,
    SECONDS: 4,
    ROUNDS: 8,
  };
  readonly words = new Int32Array(this.board.words);
  /** One array a worker. */
  readonly results: Promise<number[][]>;
  readonly #threads: Worker[];

  constructor(memory: ClientTableMemory, workers: number, job: Job) {
    this.#threads = Array.from({ length: workers }, (_, worker) => {
      const thread = new Worker(new URL("./client-worker.ts", import.meta.url));
      const start: ClientWorkerStart = { memory, board: this.board, worker, workers, job };
      thread.postMessage(start);
      return thread;
    });
    this.results = Promise.all(this.#threads.map(answer));
  }

  /** Resolves when all workers are at their job. */
  async running(): Promise<void> {
    const gate = Atomics.waitAsync(this.words, this.board.GATE, 0);
    await gate.value;
  }

  /** Waits until every worker has finished the find and take it was at. */
  settle(): void {
    const before = this.#threads.map((_, i) => Atomics.load(this.words, this.board.ROUNDS + i));
    for (const [i, rounds] of before.entries()) {
      const word = this.board.ROUNDS + i;
      // Sleeps up to 1 ms a look, so that the worker gets the core.
      while (Atomics.load(this.words, word) <= rounds) Atomics.wait(this.words, word, rounds, 1);
    }
  }

  close(): void {
    Atomics.store(this.words, this.board.CLOSED, 1);
  }

  [Symbol.dispose](): void {
    this.close();
    for (const thread of this.#threads) thread.terminate();
  }
}

function answer(thread: Worker): Promise<number[]> {
  return new Promise((resolve, reject) => {
    thread.onmessage = ({ data }: MessageEvent<number[]>) => resolve(data);
    thread.onerror = (event) => reject(new Error(event.message));
  });
}
