// Finds `client_id` in a URL without making a URL object: this runs for every request. A name or
// value may be percent-encoded, because a backend would decode it too and the two must agree on
// whose request it is.

const NAME = "client_id";

/** Found more than once, under any spelling. */
export const DOUBLED = Symbol("client_id given twice");

/**
 * The decoded value of the query parameter `client_id`: null when it is absent, `DOUBLED` when it
 * is there twice. What cannot be decoded comes back as it is, and is then no valid id.
 */
export function clientIdOf(url: string): string | null | typeof DOUBLED {
  let at = url.indexOf("?") + 1;
  if (at === 0) return null;
  let found: string | null = null;
  while (at <= url.length) {
    let end = url.indexOf("&", at);
    if (end < 0) end = url.length;
    const value = valueOf(url, at, end);
    if (value !== null) {
      if (found !== null) return DOUBLED;
      found = value;
    }
    at = end + 1;
  }
  return found;
}

/** The value of the parameter in url[at, end) if its name is ours. */
function valueOf(url: string, at: number, end: number): string | null {
  if (url.startsWith(NAME, at)) {
    const after = at + NAME.length;
    if (after === end) return "";
    if (url.charCodeAt(after) === 61) return decode(url.slice(after + 1, end));
  }
  // Only an escape can hide the name.
  const escape = url.indexOf("%", at);
  if (escape < 0 || escape >= end) return null;
  let equals = url.indexOf("=", at);
  if (equals < 0 || equals > end) equals = end;
  if (escape > equals || decode(url.slice(at, equals)) !== NAME) return null;
  return decode(url.slice(equals + 1, end));
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
