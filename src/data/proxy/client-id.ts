// Finds `client_id` in a target without making a URL object: this runs for every request. A name or
// value may be percent-encoded, because a backend would decode it too and the two must agree on
// whose request it is. What is not encoded, which is nearly everything, is found in the bytes alone.

import { begins } from "../http1/bytes.ts";

const NAME = "client_id";
const NAME_BYTES = Buffer.from(NAME);

const PERCENT = 37;
const AMPERSAND = 38;
const PLUS = 43;
const EQUALS = 61;
const QUESTION = 63;

/** What `findClientId` says: there is none; it is where `place` says; there are two; decoding is needed. */
export const ABSENT = 0;
export const FOUND = 1;
export const TWICE = 2;
export const ENCODED = 3;

/** Where a value stands among the bytes of a target. A scratch object of its thread. */
export interface IdPlace {
  start: number;
  end: number;
}

/**
 * The value of the query parameter `client_id` of the target in [from, to), as far as it can be told
 * without decoding; ENCODED leaves it to `clientIdOf`.
 */
export function findClientId(bytes: Uint8Array, from: number, to: number, place: IdPlace): number {
  let at = from;
  while (at < to && bytes[at] !== QUESTION) at++;
  let found = ABSENT;
  for (let part = at + 1; part <= to; part = at + 1) {
    const named = isNamed(bytes, part, to);
    at = named ? part + NAME.length : part;
    // Only an escape can hide the name.
    while (at < to && bytes[at] !== AMPERSAND && bytes[at] !== EQUALS) {
      if (bytes[at++] === PERCENT) return ENCODED;
    }
    const start = at < to && bytes[at] === EQUALS ? at + 1 : at;
    let plain = true;
    for (at = start; at < to && bytes[at] !== AMPERSAND; at++) {
      if (bytes[at] === PERCENT || bytes[at] === PLUS) plain = false;
    }
    if (!named) continue;
    if (found === FOUND) return TWICE;
    if (!plain) return ENCODED;
    found = FOUND;
    place.start = start;
    place.end = at;
  }
  return found;
}

/** Whether the parameter that begins at `part` has our name, unencoded. */
function isNamed(bytes: Uint8Array, part: number, to: number): boolean {
  const end = part + NAME.length;
  if (end > to || !begins(bytes, part, NAME_BYTES)) return false;
  return end === to || bytes[end] === EQUALS || bytes[end] === AMPERSAND;
}

/** Found more than once, under any spelling. */
export const DOUBLED = Symbol("client_id given twice");

/**
 * The decoded value of the query parameter `client_id`: null when it is absent, `DOUBLED` when it
 * is there twice. What cannot be decoded comes back as it is, and is then no valid id.
 */
export function clientIdOf(target: string): string | null | typeof DOUBLED {
  let at = target.indexOf("?") + 1;
  if (at === 0) return null;
  let found: string | null = null;
  while (at <= target.length) {
    let end = target.indexOf("&", at);
    if (end < 0) end = target.length;
    const value = valueOf(target, at, end);
    if (value !== null) {
      if (found !== null) return DOUBLED;
      found = value;
    }
    at = end + 1;
  }
  return found;
}

/** The value of the parameter in target[at, end) if its name is ours. */
function valueOf(target: string, at: number, end: number): string | null {
  let equals = target.indexOf("=", at);
  if (equals < 0 || equals > end) equals = end;
  if (decode(target.slice(at, equals)) !== NAME) return null;
  return decode(target.slice(equals + 1, end));
}

/** As application/x-www-form-urlencoded: `+` is a space (which no id contains). */
function decode(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
