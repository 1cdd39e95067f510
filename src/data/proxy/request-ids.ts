// Ids that tell requests apart in logs and backends: unique over workers and restarts, cheap, and
// not meant to be secret. Each worker has its own source. They are given in two parts, as a string
// put together for each request would cost more than everything else about it.

import { Phrase } from "../http1/phrase.ts";

/** The last digits of all ids, made once. */
const ENDS = Array.from({ length: 4096 }, (_, at) => at.toString(16).padStart(3, "0"));

interface Identified {
  idStart: Phrase;
  idEnd: string;
}

/** `3f9c2b7e1a5d8046-000000000001`: 64 random bits of this worker, then a count. */
export function newRequestIds(): (exchange: Identified) => void {
  const random = crypto.getRandomValues(new Uint8Array(8)).toHex();
  let turn = 0;
  let start = startOf(random, turn);
  let count = 0;
  return (exchange) => {
    if (++count === ENDS.length) {
      count = 0;
      start = startOf(random, ++turn);
    }
    exchange.idStart = start;
    exchange.idEnd = ENDS[count]!;
  };
}

function startOf(random: string, turn: number): Phrase {
  return new Phrase(`${random}-${turn.toString(16).padStart(9, "0")}`);
}
