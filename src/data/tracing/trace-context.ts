// W3C Trace Context (https://www.w3.org/TR/trace-context/): which trace a request belongs to. Pure but
// for its random ids, which are drawn in stock because a draw for each request would cost more than
// the rest of the work on it. Owned by one worker.

import { eightsOf } from "../http1/phrase.ts";

export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits: the caller's span. */
  readonly parentId: string;
  /** The caller wants the trace recorded. */
  readonly sampled: boolean;
}

/** A version, the two ids, the flags; a later version may say more after another dash. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);
const SAMPLED = 1;

/** Null when the value is not valid (§3.2): the trace then starts here. */
export function readTraceparent(value: string): TraceContext | null {
  const match = TRACEPARENT.exec(value);
  if (match === null) return null;
  const [, version, traceId, parentId, flags, more] = match;
  if (version === "ff" || (version === "00" && more !== undefined)) return null;
  if (traceId === NO_TRACE || parentId === NO_SPAN) return null;
  const sampled = (Number.parseInt(flags!, 16) & SAMPLED) !== 0;
  return { traceId: traceId!, parentId: parentId!, sampled };
}

/** The header field for the backend (§3.2). */
export function traceparent({ traceId, forwardId, sampled }: Forwarded): string {
  return `00-${traceId}-${forwardId}-${sampled ? "01" : "00"}`;
}

/** The span of a forwarding. */
interface Forwarded {
  readonly traceId: string;
  readonly forwardId: string;
  readonly sampled: boolean;
}

/** Hexadecimal digits of the two kinds of ids (§3.2.2.3, §3.2.2.4), in eights. */
export const TRACE_EIGHTS = 4;
export const SPAN_EIGHTS = 2;

/** The digits as text, for logs and spans. */
export function idText(eights: Float64Array<ArrayBuffer>, start: number, end: number): string {
  if (eights.length < end) return "";
  return Buffer.from(eights.buffer, start * 8, (end - start) * 8).toString("latin1");
}

const STOCK_BYTES = 4096;

/**
 * Random ids of traces and spans, not zero (the chance is one in 2^64). An id is a place in the stock:
 * most are only ever copied from there, and a string of each would cost more than drawing it.
 */
export class TraceIds {
  /** Random digits, in eights; another one after some draws. */
  stock = eightsOf("");
  #at = 0;

  /** Where in `stock`, as it is from now on, so many begin that nobody else gets. */
  draw(eights: number): number {
    if (this.#at + eights > this.stock.length) {
      this.stock = eightsOf(crypto.getRandomValues(new Uint8Array(STOCK_BYTES)).toHex());
      this.#at = 0;
    }
    this.#at += eights;
    return this.#at - eights;
  }
}
