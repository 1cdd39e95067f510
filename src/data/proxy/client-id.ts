// Finds `client_id` in a target without making a URL object: this runs for every request. A name or
// value may be percent-encoded, because a backend would decode it too and the two must agree on
// whose request it is.

const NAME = "client_id";

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
  if (target.startsWith(NAME, at)) {
    const after = at + NAME.length;
    if (after === end) return "";
    if (target.charCodeAt(after) === 61) {
      const value = target.slice(after + 1, end);
      return isPlain(target, after + 1, end) ? value : decode(value);
    }
  }
  // Only an escape can hide the name.
  const escape = target.indexOf("%", at);
  if (escape < 0 || escape >= end) return null;
  let equals = target.indexOf("=", at);
  if (equals < 0 || equals > end) equals = end;
  if (escape > equals || decode(target.slice(at, equals)) !== NAME) return null;
  return decode(target.slice(equals + 1, end));
}

/** Looked through here: a call of the engine for each of the two characters costs more. */
function isPlain(target: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const code = target.charCodeAt(at);
    if (code === 37 || code === 43) return false;
  }
  return true;
}

/** As application/x-www-form-targetencoded: `+` is a space (which no id contains). */
function decode(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
