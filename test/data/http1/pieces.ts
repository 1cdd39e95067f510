// Feeds a parser in pieces the way a connection does: bytes are collected in a buffer of their own,
// which grows and so moves, and whose offsets are rebased.

import { DONE, MORE } from "../../../src/data/http1/fields.ts";
import { CHUNKED } from "../../../src/data/http1/message-length.ts";
import { HEAD_LIMITS, type HeadLimits, RequestHead } from "../../../src/data/http1/request-head.ts";
import type { Seen } from "./reference.ts";

export const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

export function parseInPieces(
  text: string,
  cuts: readonly number[] = [],
  limits: HeadLimits = HEAD_LIMITS,
): { head: RequestHead; verdict: number } {
  const whole = bytesOf(text);
  const head = new RequestHead();
  let base = 3;
  head.reset(base);
  let verdict: number = MORE;
  for (const end of [...cuts, whole.length]) {
    // Every piece finds the bytes elsewhere: an offset that is not rebased points at rubbish.
    const moved = base + 5;
    const buffer = Buffer.alloc(moved + end, 0xee);
    whole.copy(buffer, moved, 0, end);
    head.rebase(buffer, moved - base);
    base = moved;
    verdict = head.parse(buffer, moved + end, limits);
    if (verdict !== MORE) break;
  }
  return { head, verdict };
}

/** What a parse amounts to, in the reference's words. */
export function seen({ head, verdict }: { head: RequestHead; verdict: number }): Seen {
  if (verdict === MORE) return { status: MORE };
  if (verdict !== DONE) return { status: verdict };
  const { fields } = head;
  return {
    status: 200,
    method: head.method,
    target: head.target,
    host: head.host,
    minor: head.minor,
    fields: Array.from(
      { length: fields.count },
      (_, i) => [fields.name(i), fields.value(i)] as const,
    ),
    length: head.length === CHUNKED ? "chunked" : head.length,
    keepAlive: head.keepAlive,
  };
}
