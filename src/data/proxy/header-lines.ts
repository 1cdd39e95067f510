// The header fields that the gateway adds on plain connections, as lines; which of the others go on
// is a set of field ids. With `headers.ts`, which says the same about fetch's objects, the only
// place where headers change.

import { dateLine } from "../http1/date.ts";
import { Field, mask } from "../http1/field-names.ts";
import type { MessageWriter } from "../http1/message-writer.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import type { Exchange } from "./exchange.ts";

/** Our name in `Via` (RFC 9110 §7.6.3). */
export const PSEUDONYM = "gateway";

/** Written anew for every request. */
const RENEWED = mask(Field.X_FORWARDED_FOR, Field.X_REQUEST_ID);
/** What a stranger could use to lie about where the request came from. */
const CLAIMS = mask(
  Field.FORWARDED,
  Field.X_FORWARDED_HOST,
  Field.X_FORWARDED_PROTO,
  Field.X_FORWARDED_OTHER,
  Field.X_REAL_IP,
);

/** The fields of a request that do not go on, besides those of this hop. */
export function requestDrops(exchange: Exchange): number {
  const { trusted, traceparent, parentId, maxForwards } = exchange;
  let drops = trusted ? RENEWED : RENEWED | CLAIMS;
  if (traceparent !== null) drops |= mask(Field.TRACEPARENT);
  // A state without the trace it is about means nothing (W3C Trace Context §3.3.1).
  if (traceparent !== null && parentId === "") drops |= mask(Field.TRACESTATE);
  if (maxForwards >= 0) drops |= mask(Field.MAX_FORWARDS);
  return drops;
}
/** The same of an answer. */
export const ANSWER_DROPS = mask(Field.X_REQUEST_ID);

/** The word of a trusted peer is kept and extended; that of any other is replaced. */
export function requestLines(writer: MessageWriter, exchange: Exchange, head: RequestHead): void {
  const { trusted, peer } = exchange;
  const { fields } = head;
  let lines = `X-Forwarded-For: ${forwardedFor(exchange, head)}${peer}\r\n`;
  if (!trusted || !fields.has(Field.X_FORWARDED_PROTO)) lines += "X-Forwarded-Proto: http\r\n";
  writer.text(lines);
  if (head.authorityEnd > head.authorityStart && !(trusted && fields.has(Field.X_FORWARDED_HOST))) {
    writer
      .text("X-Forwarded-Host: ")
      .copy(head.bytes, head.authorityStart, head.authorityEnd)
      .text("\r\n");
  }
  writer.text(`Via: 1.${head.minor} ${PSEUDONYM}\r\nX-Request-Id: ${exchange.requestId}\r\n`);
  if (exchange.traceparent !== null) writer.text(`traceparent: ${exchange.traceparent}\r\n`);
  if (exchange.maxForwards >= 0) writer.text(`Max-Forwards: ${exchange.maxForwards}\r\n`);
}

/** A proxy must date what came without a date (RFC 9110 §6.6.1). */
export function answerLines(writer: MessageWriter, exchange: Exchange, head: ResponseHead): void {
  if (!head.fields.has(Field.DATE)) writer.add(dateLine());
  writer.text(`Via: 1.${head.minor} ${PSEUDONYM}\r\n`);
  ownLines(writer, exchange);
}

/** What every answer carries, the gateway's own ones too. */
export function ownLines(writer: MessageWriter, exchange: Exchange): void {
  const { rateLimit, rateLimitPolicy, requestId } = exchange;
  if (rateLimit === "") writer.text(`X-Request-Id: ${requestId}\r\n`);
  else {
    // Appended: a backend's own limits stay beside ours (the draft's §5).
    writer.text(
      `X-Request-Id: ${requestId}\r\nRateLimit-Policy: ${rateLimitPolicy}\r\n` +
        `RateLimit: ${rateLimit}\r\n`,
    );
  }
}

/** What trusted proxies wrote, with the comma; empty otherwise. */
export function forwardedFor({ trusted }: Exchange, { fields }: RequestHead): string {
  if (!trusted || !fields.has(Field.X_FORWARDED_FOR)) return "";
  const hops = fields.get("x-forwarded-for");
  return hops === null || hops === "" ? "" : `${hops}, `;
}
