// Runs rounds of takes on one anonymous table by several real threads at once.

import type { AnonymousTableMemory } from "../../src/shared/anonymous-table.ts";
import type { AnonymousRound, AnonymousRun } from "./anonymous-worker.ts";

/** Admitted by all threads together, by round and address. */
export async function takeTogether(
  memory: AnonymousTableMemory,
  rounds: readonly AnonymousRound[],
  workers = 4,
): Promise<number[][]> {
  const run: AnonymousRun = { memory, rounds, workers, gate: new SharedArrayBuffer(8) };
  const threads = Array.from(
    { length: workers },
    () => new Worker(new URL("./anonymous-worker.ts", import.meta.url)),
  );
  try {
    const answers = await Promise.all(
      threads.map((thread, worker) => {
        const answer = Promise.withResolvers<number[][]>();
        thread.onmessage = ({ data }: MessageEvent<number[][]>) => answer.resolve(data);
        thread.onerror = (event) => answer.reject(new Error(event.message));
        thread.postMessage({ run, worker });
        return answer.promise;
      }),
    );
    return rounds.map(({ addresses }, round) =>
      addresses.map((_, i) => answers.reduce((sum, answer) => sum + answer[round]![i]!, 0)),
    );
  } finally {
    for (const thread of threads) thread.terminate();
  }
}
