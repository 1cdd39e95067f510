// Ids that tell requests apart in logs and backends: unique over workers and restarts, cheap, and
// not meant to be secret. Each worker has its own source. They are given in two parts, as a string
// put together for each request would cost more than everything else about it.

import { CR, LF } from "../http1/bytes.ts";
import { EIGHT, Phrase } from "../http1/phrase.ts";

/** Digits of an id's second part. */
export const END_DIGITS = 3;
const ENDS = 16 ** END_DIGITS;

/** The second parts of all ids in eights, each with the CRLF that follows it in a header. */
export const END_LINES = endLines();
export const END_LINE_BYTES = END_DIGITS + 2;

/** Byte by byte: as strings they would take 3 ms of every start. */
function endLines(): Float64Array {
  const digits = Buffer.from("0123456789abcdef");
  const bytes = new Uint8Array(ENDS * EIGHT);
  for (let end = 0, at = 0; end < ENDS; end++, at += EIGHT) {
    bytes[at] = digits[end >> 8]!;
    bytes[at + 1] = digits[(end >> 4) & 15]!;
    bytes[at + 2] = digits[end & 15]!;
    bytes[at + 3] = CR;
    bytes[at + 4] = LF;
  }
  return new Float64Array(bytes.buffer);
}

/** Begins the header line. */
export const ID_FIELD = "X-Request-Id: ";

/** The first part of an id, the same for thousands of requests. */
export class IdStart {
  readonly digits: Phrase;
  /** As the beginning of a header line. */
  readonly line: Phrase;

  constructor(digits: string) {
    this.digits = new Phrase(digits);
    this.line = new Phrase(`${ID_FIELD}${digits}`);
  }
}

export const NO_ID = new IdStart("");

interface Identified {
  idStart: IdStart;
  /** Which of the second parts: `endOf` as digits, `END_LINES` as bytes. */
  idEnd: number;
}

export function endOf(at: number): string {
  return at.toString(16).padStart(END_DIGITS, "0");
}

/** `3f9c2b7e1a5d8046-000000000001`: 64 random bits of this worker, then a count. */
export function newRequestIds(): (exchange: Identified) => void {
  const random = crypto.getRandomValues(new Uint8Array(8)).toHex();
  let turn = 0;
  let start = startOf(random, turn);
  let count = 0;
  return (exchange) => {
    if (++count === ENDS) {
      count = 0;
      start = startOf(random, ++turn);
    }
    exchange.idStart = start;
    exchange.idEnd = count;
  };
}

function startOf(random: string, turn: number): IdStart {
  return new IdStart(`${random}-${turn.toString(16).padStart(9, "0")}`);
}
