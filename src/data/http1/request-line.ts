// The request line (RFC 9112 §3), judged byte by byte: an error is reported for the first byte that is
// wrong, so the result is the same however the bytes were split.

import { DIGITS, SP, TARGET, TOKEN, begins, byteSets } from "./bytes.ts";
import { DONE, type Fields, MORE, type Verdict } from "./fields.ts";

/** Longest method; none that anybody registered is near it. */
const MAX_METHOD = 32;

/** What each byte of `HTTP/1.1` CRLF may be. */
const VERSION_LINE = byteSets("H", "T", "T", "P", "/", DIGITS, ".", DIGITS, "\r", "\n");

/** What nearly every request line ends in. */
const PLAIN_VERSION = Buffer.from("HTTP/1.1\r\n");

export interface RequestLine {
  /** First byte of the method. */
  start: number;
  methodEnd: number;
  targetStart: number;
  targetEnd: number;
  /** 0 or 1: HTTP/1.minor. */
  minor: number;
}

/** DONE with `fields.next` behind the line, MORE, or 400, 414, 505. */
export function parseRequestLine(
  fields: Fields,
  stop: number,
  maxTarget: number,
  out: RequestLine,
): Verdict {
  const bytes = fields.bytes;
  let at = out.start;
  const methodStop = Math.min(stop, at + MAX_METHOD);
  while (at < methodStop && TOKEN[bytes[at]!] === 1) at++;
  if (at >= stop) return MORE;
  if (bytes[at] !== SP || at === out.start) return fields.refuse(400, "no valid method");
  out.methodEnd = at++;
  out.targetStart = at;
  const targetStop = Math.min(stop, at + maxTarget);
  while (at < targetStop && TARGET[bytes[at]!] === 1) at++;
  if (at >= stop) return MORE;
  if (TARGET[bytes[at]!] === 1) {
    return fields.refuse(414, `a request target above ${maxTarget} bytes`);
  }
  if (bytes[at] !== SP || at === out.targetStart) {
    return fields.refuse(400, "no valid request target");
  }
  out.targetEnd = at++;
  return parseVersion(fields, at, stop, out);
}

function parseVersion(fields: Fields, at: number, stop: number, out: RequestLine): Verdict {
  const bytes = fields.bytes;
  if (at + VERSION_LINE.length <= stop && begins(bytes, at, PLAIN_VERSION)) {
    out.minor = 1;
    fields.next = at + VERSION_LINE.length;
    return DONE;
  }
  for (let i = 0; i < VERSION_LINE.length; i++) {
    if (at + i >= stop) return MORE;
    if (VERSION_LINE[i]![bytes[at + i]!] === 0) return fields.refuse(400, "no valid version");
  }
  out.minor = bytes[at + 7]! - 48;
  if (bytes[at + 5] !== 49 || out.minor > 1) {
    return fields.refuse(505, "a version other than HTTP/1.0 and HTTP/1.1");
  }
  fields.next = at + VERSION_LINE.length;
  return DONE;
}
