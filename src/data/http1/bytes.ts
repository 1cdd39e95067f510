// The classes of bytes that HTTP/1.1 is made of, as tables: one load a byte on the hot path.
// Constant after loading; every parser of this folder reads them.

export const HTAB = 9;
export const LF = 10;
export const CR = 13;
export const SP = 32;
export const COLON = 58;
export const COMMA = 44;
export const SEMICOLON = 59;

export const DIGITS = "0123456789";
export const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX_DIGITS = "0123456789abcdef";

/** A set of byte values as a table of 256 flags; `members` is ASCII. */
export function byteSet(members: string): Uint8Array {
  const table = new Uint8Array(256);
  for (let i = 0; i < members.length; i++) table[members.charCodeAt(i)] = 1;
  return table;
}

/** What each of some bytes in a row may be. */
export function byteSets(...members: readonly string[]): readonly Uint8Array[] {
  return members.map((some) => byteSet(some));
}

/** Every byte from `first` on but those of `others`. */
function bytesFrom(first: number, others: string): Uint8Array {
  const table = new Uint8Array(256).fill(1, first);
  for (let i = 0; i < others.length; i++) table[others.charCodeAt(i)] = 0;
  return table;
}

/** `tchar` of RFC 9110 §5.6.2: methods, field names, list members. */
export const TOKEN = byteSet(`!#$%&'*+-.^_\`|~${DIGITS}${LETTERS}`);

/** Inside a field value or reason: HTAB, SP, VCHAR, obs-text. Controls, CR, LF, NUL, DEL are not. */
export const VALUE = bytesFrom(SP, "\x7f");
VALUE[HTAB] = 1;

/**
 * Inside a request target. Wider than RFC 3986 on purpose: what clients really send (`"`, `|`, raw
 * UTF-8) is forwarded byte for byte, so nothing is lost and what was checked is what the backend
 * gets. Whitespace, controls and `#` would be read differently by different parsers: refused.
 */
export const TARGET = bytesFrom(SP + 1, "#\x7f");

/** `reg-name` of RFC 3986 §3.2.2 without the percent triplets, which need a look at what follows. */
export const REG_NAME = byteSet(`-._~!$&'()*+,;=${DIGITS}${LETTERS}`);

/** Inside the brackets of an IP literal. */
export const IP_LITERAL = byteSet(`:.${HEX_DIGITS}ABCDEF`);

/** The value of a hexadecimal digit; -1 for every other byte. */
export const HEX = new Int8Array(256).fill(-1);
for (let value = 0; value < 16; value++) {
  HEX[HEX_DIGITS.charCodeAt(value)] = value;
  HEX[HEX_DIGITS.toUpperCase().charCodeAt(value)] = value;
}

export function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

/** Whether [start, end) spells `lower`, whatever the case. `lower` is lower-case ASCII. */
export function spells(bytes: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    let byte = bytes[start + i]!;
    if (byte >= 65 && byte <= 90) byte |= 32;
    if (byte !== lower.charCodeAt(i)) return false;
  }
  return true;
}

/**
 * Whether the bytes from `start` on are `prefix`. In a loop: most differ in one of the first, and a
 * call of the engine costs more. Bytes that are not there match none.
 */
export function begins(
  bytes: Uint8Array,
  start: number,
  prefix: Uint8Array,
  length = prefix.length,
): boolean {
  for (let at = 0; at < length; at++) {
    if (bytes[start + at] !== prefix[at]) return false;
  }
  return true;
}

/** [start, end) as text, one character a byte. */
export function latin1(bytes: Buffer, start: number, end: number): string {
  return bytes.toString("latin1", start, end);
}
