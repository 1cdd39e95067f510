// The header fields that the gateway adds on plain connections, as lines; which of the others go on
// is a set of field ids. With `headers.ts`, which says the same about fetch's objects, the only
// place where headers change.

import { dateLine } from "../http1/date.ts";
import { Field, mask } from "../http1/field-names.ts";
import type { MessageWriter } from "../http1/message-writer.ts";
import { Phrase } from "../http1/phrase.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import type { Exchange } from "./exchange.ts";
import { rateLimitLines } from "./ratelimit-headers.ts";
import { END_LINE_BYTES, END_LINES, ID_FIELD } from "./request-ids.ts";
import { SPAN_EIGHTS, TRACE_EIGHTS } from "../tracing/trace-context.ts";

/** Our name in `Via` (RFC 9110 §7.6.3). */
export const PSEUDONYM = "gateway";
const VIA_1_0 = new Phrase(`Via: 1.0 ${PSEUDONYM}\r\n`);
const VIA_1_1 = new Phrase(`Via: 1.1 ${PSEUDONYM}\r\n`);
const FORWARDED_FOR = new Phrase("X-Forwarded-For: ");
const FORWARDED_PROTO = new Phrase("X-Forwarded-Proto: http\r\n");
const FORWARDED_HOST = new Phrase("X-Forwarded-Host: ");
const REQUEST_ID = new Phrase(ID_FIELD);
const TRACE_PARENT = new Phrase("traceparent: 00-");
const SAMPLED = new Phrase("-01\r\n");
const NOT_SAMPLED = new Phrase("-00\r\n");

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

const TRACEPARENT = mask(Field.TRACEPARENT);
const TRACESTATE = mask(Field.TRACESTATE);
const MAX_FORWARDS = mask(Field.MAX_FORWARDS);

/** The fields of a request that do not go on, besides those of this hop. */
export function requestDrops(exchange: Exchange): number {
  const { trusted, traced, parentId, maxForwards } = exchange;
  let drops = trusted ? RENEWED : RENEWED | CLAIMS;
  if (traced) drops |= TRACEPARENT;
  // A state without the trace it is about means nothing (W3C Trace Context §3.3.1).
  if (traced && parentId === "") drops |= TRACESTATE;
  if (maxForwards >= 0) drops |= MAX_FORWARDS;
  return drops;
}
/** The same of an answer. */
export const ANSWER_DROPS = mask(Field.X_REQUEST_ID);

/** The word of a trusted peer is kept and extended; that of any other is replaced. */
export function requestLines(writer: MessageWriter, exchange: Exchange, head: RequestHead): void {
  const { trusted, peer } = exchange;
  const { fields } = head;
  writer.phrase(FORWARDED_FOR).text(forwardedFor(exchange, head)).text(peer).crlf();
  if (!trusted || !fields.has(Field.X_FORWARDED_PROTO)) writer.phrase(FORWARDED_PROTO);
  if (head.authorityEnd > head.authorityStart && !(trusted && fields.has(Field.X_FORWARDED_HOST))) {
    writer.phrase(FORWARDED_HOST).copy(head.bytes, head.authorityStart, head.authorityEnd).crlf();
  }
  writer.phrase(head.minor === 1 ? VIA_1_1 : VIA_1_0);
  idLine(writer, exchange);
  if (exchange.traced) traceLine(writer, exchange);
  if (exchange.maxForwards >= 0) {
    writer.text("Max-Forwards: ").number(exchange.maxForwards).crlf();
  }
}

function traceLine(writer: MessageWriter, exchange: Exchange): void {
  const { traceDigits, traceAt, forwardDigits, forwardAt, sampled } = exchange;
  writer.phrase(TRACE_PARENT).eights(traceDigits, traceAt, traceAt + TRACE_EIGHTS);
  writer.text("-").eights(forwardDigits, forwardAt, forwardAt + SPAN_EIGHTS);
  writer.phrase(sampled ? SAMPLED : NOT_SAMPLED);
}

function idLine(writer: MessageWriter, { givenId, idStart, idEnd }: Exchange): void {
  if (givenId === null) writer.phrase(idStart.line).part(END_LINES, idEnd, END_LINE_BYTES);
  else writer.phrase(REQUEST_ID).text(givenId).crlf();
}

/** A proxy must date what came without a date (RFC 9110 §6.6.1). */
export function answerLines(writer: MessageWriter, exchange: Exchange, head: ResponseHead): void {
  if (!head.fields.has(Field.DATE)) writer.phrase(dateLine());
  writer.phrase(head.minor === 1 ? VIA_1_1 : VIA_1_0);
  ownLines(writer, exchange);
}

/** What every answer carries, the gateway's own ones too. */
export function ownLines(writer: MessageWriter, exchange: Exchange): void {
  idLine(writer, exchange);
  // Appended: a backend's own limits stay beside ours (the draft's §5).
  if (exchange.limitedBy !== null) rateLimitLines(writer, exchange.limitedBy, exchange.rateLimit);
}

/**
 * What trusted proxies wrote, with the comma; empty otherwise. By its name, as it is read to identify
 * the client: `Connection` may come from that client, who cannot take it away.
 */
export function forwardedFor({ trusted }: Exchange, { fields }: RequestHead): string {
  if (!trusted) return "";
  const hops = fields.get("x-forwarded-for");
  return hops === null || hops === "" ? "" : `${hops}, `;
}
