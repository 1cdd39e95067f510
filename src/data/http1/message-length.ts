// How long a message's body is (RFC 9112 §6). This is where request smuggling starts, so there is one
// answer or none: whatever two parsers could read differently is refused.

import { COMMA, HTAB, SP, TOKEN, isDigit, spells } from "./bytes.ts";
import { Field } from "./field-names.ts";
import { DONE, type Fields, type Verdict } from "./fields.ts";

/** The body's length follows from the fields: this many bytes, or one of these. */
export const CHUNKED = -1;
/** Until the connection ends; answers only. */
export const UNTIL_CLOSE = -2;
/** No field says anything. */
const UNSTATED = -3;

/** Where `bodyLength` leaves its result. */
export interface Framing {
  /** Bytes, or CHUNKED, UNTIL_CLOSE. */
  length: number;
}

/** The length of a request's body. Refusals are 400, or 501 for a coding we do not undo. */
export function requestLength(fields: Fields, minor: number, out: Framing): Verdict {
  const verdict = statedLength(fields, minor, out);
  if (verdict === DONE && out.length === UNSTATED) out.length = 0;
  return verdict;
}

/**
 * The length of an answer's body. `bodiless`: it answers HEAD, or its status is 1xx, 204 or 304. Any
 * verdict but DONE means that the answer cannot be relayed.
 */
export function responseLength(
  fields: Fields,
  minor: number,
  bodiless: boolean,
  out: Framing,
): Verdict {
  const verdict = statedLength(fields, minor, out);
  if (verdict !== DONE) return verdict;
  if (bodiless) out.length = 0;
  else if (out.length === UNSTATED) out.length = UNTIL_CLOSE;
  return DONE;
}

/** What Content-Length says, -1 without one. Only for fields that passed the checks here. */
export function statedContentLength(fields: Fields): number {
  const field = fields.find(Field.CONTENT_LENGTH);
  return field < 0 ? -1 : decimal(fields.bytes, fields.valueStart(field), fields.valueEnd(field));
}

function statedLength(fields: Fields, minor: number, out: Framing): Verdict {
  const coding = fields.find(Field.TRANSFER_ENCODING);
  const length = fields.find(Field.CONTENT_LENGTH);
  if (coding < 0 && length < 0) {
    out.length = UNSTATED;
    return DONE;
  }
  if (coding >= 0) return codedLength(fields, coding, length, minor, out);
  if (fields.find(Field.CONTENT_LENGTH, length + 1) >= 0) {
    return fields.refuse(400, "more than one Content-Length");
  }
  const bytes = decimal(fields.bytes, fields.valueStart(length), fields.valueEnd(length));
  if (bytes < 0) return fields.refuse(400, "a Content-Length that is not a number of bytes");
  out.length = bytes;
  return DONE;
}

function codedLength(
  fields: Fields,
  coding: number,
  length: number,
  minor: number,
  out: Framing,
): Verdict {
  if (length >= 0) return fields.refuse(400, "both Transfer-Encoding and Content-Length");
  if (minor === 0) return fields.refuse(400, "Transfer-Encoding in HTTP/1.0");
  if (fields.find(Field.TRANSFER_ENCODING, coding + 1) >= 0) {
    return fields.refuse(400, "more than one Transfer-Encoding");
  }
  const start = fields.valueStart(coding);
  const end = fields.valueEnd(coding);
  if (!spells(fields.bytes, start, end, "chunked")) {
    return endsInChunked(fields.bytes, start, end)
      ? fields.refuse(501, "a transfer coding other than chunked")
      : fields.refuse(400, "a Transfer-Encoding that does not end in chunked");
  }
  out.length = CHUNKED;
  return DONE;
}

/** Digits only, at most 2^53 - 1; -1 for anything else. */
function decimal(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    if (!isDigit(bytes[at]!)) return -1;
    value = value * 10 + bytes[at]! - 48;
    if (value > Number.MAX_SAFE_INTEGER) return -1;
  }
  return value;
}

/** `token *(OWS "," OWS token)` of which only the last, and no other, is `chunked`. */
function endsInChunked(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  for (;;) {
    const member = at;
    while (at < end && TOKEN[bytes[at]!] === 1) at++;
    if (at === member) return false;
    const chunked = spells(bytes, member, at, "chunked");
    while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++;
    if (at === end || chunked) return at === end && chunked;
    if (bytes[at] !== COMMA) return false;
    for (at++; at < end && (bytes[at] === SP || bytes[at] === HTAB);) at++;
  }
}
