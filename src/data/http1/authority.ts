// `host [":" port]` of RFC 3986 §3.2 without user information: what `Host`, an absolute target and
// CONNECT carry. Pure functions over bytes.

import { COLON, HEX, IP_LITERAL, REG_NAME, isDigit } from "./bytes.ts";

const PERCENT = 37;
const OPEN = 91;
const CLOSE = 93;

/** Whether [start, end) is a host that is not empty, with an optional port up to 65535. */
export function isAuthority(bytes: Uint8Array, start: number, end: number): boolean {
  const host = bytes[start] === OPEN ? literalEnd(bytes, start, end) : nameEnd(bytes, start, end);
  return host > start && (host === end || isPort(bytes, host, end));
}

/** The same with a port that must be there: the target of CONNECT. */
export function isAuthorityWithPort(bytes: Uint8Array, start: number, end: number): boolean {
  return isAuthority(bytes, start, end) && isDigit(bytes[end - 1]!) && hasPort(bytes, start, end);
}

/** Where the bracketed literal at `start` ends; `start` when it is none. */
function literalEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start + 1;
  while (at < end && IP_LITERAL[bytes[at]!] === 1) at++;
  return at < end && at > start + 2 && bytes[at] === CLOSE ? at + 1 : start;
}

/** Where the name or IPv4 address at `start` ends. */
function nameEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  for (; at < end; at++) {
    if (REG_NAME[bytes[at]!] === 1) continue;
    if (bytes[at] !== PERCENT || at + 2 >= end) break;
    if (HEX[bytes[at + 1]!]! < 0 || HEX[bytes[at + 2]!]! < 0) break;
    at += 2;
  }
  return at;
}

/** `":" *DIGIT`; the digits may be missing (RFC 3986 §3.2.3). */
function isPort(bytes: Uint8Array, start: number, end: number): boolean {
  if (bytes[start] !== COLON) return false;
  let port = 0;
  for (let at = start + 1; at < end; at++) {
    if (!isDigit(bytes[at]!)) return false;
    port = port * 10 + bytes[at]! - 48;
    if (port > 65535) return false;
  }
  return true;
}

function hasPort(bytes: Uint8Array, start: number, end: number): boolean {
  let at = end - 1;
  while (at > start && isDigit(bytes[at]!)) at--;
  return bytes[at] === COLON;
}
