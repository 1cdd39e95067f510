// Reads the text of an IPv4 or IPv6 address (RFC 4291 §2.2) character by character: no regular
// expression, no allocation, because it runs for every anonymous request. Accepts exactly what
// `node:net` isIP() accepts, without the 8 ms of CPU that loading `node:net` costs each thread at its
// start. The groups of the address read last stay in this thread's scratch until the
// next call; only address.ts looks at them.

const DOT = 46;
const COLON = 58;
const DASH = 45;

/** The eight groups of the IPv6 address read last. */
const groups = new Uint16Array(8);

/** 4 or 6; 0 for text that is not exactly one address. */
export function familyOf(text: string): 0 | 4 | 6 {
  if (parseIPv4(text, 0, text.length) >= 0) return 4;
  return parseIPv6(text) ? 6 : 0;
}

/** The IPv4 address in text[start, end) as a number from 0 to 2^32 - 1, or -1. */
export function parseIPv4(text: string, start: number, end: number): number {
  let value = 0;
  let part = -1; // -1: no digit of this part yet
  let dots = 0;
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (part < 0 || ++dots > 3) return -1;
      value = value * 256 + part;
      part = -1;
      continue;
    }
    const digit = code - 48;
    // A leading zero would be octal to some readers: refused, as isIP() does.
    if (digit < 0 || digit > 9 || part === 0) return -1;
    part = part < 0 ? digit : part * 10 + digit;
    if (part > 255) return -1;
  }
  return dots === 3 && part >= 0 ? value * 256 + part : -1;
}

/**
 * Leaves the address in `groups`, for `pair` and `isMapped`. False, and `groups` undefined, when
 * the text is not an IPv6 address, with or without a zone id.
 */
export function parseIPv6(text: string): boolean {
  const zone = text.indexOf("%");
  const end = zone < 0 ? text.length : zone;
  if (zone >= 0 && !isZone(text, zone + 1)) return false;
  let count = 0; // groups written
  let gap = -1; // groups before "::"
  let i = 0;
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return false;
    gap = 0;
    i = 2;
  }
  while (i < end) {
    if (count === 8) return false;
    const stop = groupEnd(text, i, end);
    if (stop < end && text.charCodeAt(stop) === DOT) {
      const v4 = count <= 6 ? parseIPv4(text, i, end) : -1;
      if (v4 < 0) return false;
      groups[count++] = v4 >>> 16;
      groups[count++] = v4;
      break;
    }
    if (stop === i || stop - i > 4) return false;
    groups[count++] = hex(text, i, stop);
    if (stop === end) break;
    if (text.charCodeAt(stop) !== COLON) return false;
    i = stop + 1;
    if (i === end) return false; // one trailing colon
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return false;
      gap = count;
      i++;
    }
  }
  return gap < 0 ? count === 8 : widen(gap, count);
}

/** Fills the place of "::" with zeros; it stands for one group at least. */
function widen(gap: number, count: number): boolean {
  if (count === 8) return false;
  const tail = 8 - (count - gap);
  groups.copyWithin(tail, gap, count);
  groups.fill(0, gap, tail);
  return true;
}

/** Index after the hexadecimal digits that start at `i`. */
function groupEnd(text: string, i: number, end: number): number {
  while (i < end && hexDigit(text.charCodeAt(i)) >= 0) i++;
  return i;
}

function hex(text: string, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) value = value * 16 + hexDigit(text.charCodeAt(i));
  return value;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = code | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** RFC 4007 leaves zone ids open; isIP() takes letters, digits, "-", "." and ":". */
function isZone(text: string, start: number): boolean {
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const letter = code | 32;
    const known = (letter >= 97 && letter <= 122) || (code >= 48 && code <= COLON);
    if (!known && code !== DASH && code !== DOT) return false;
  }
  return start < text.length;
}

/** ::ffff:0:0/96, RFC 4291 §2.5.5.2. */
export function isMapped(): boolean {
  return groups[5] === 0xffff && pair(0) === 0 && pair(2) === 0 && groups[4] === 0;
}

/** Two neighbouring groups as one 32-bit number (signed). */
export function pair(index: number): number {
  return (groups[index]! << 16) | groups[index + 1]!;
}
