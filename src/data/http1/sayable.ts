// Whether a request can be said as a `Request`, and go through Bun's client, without losing or altering
// something: Bun turns unknown methods into GET, drops bodies of GET, and rewrites targets. What cannot
// is told apart here; what obviously can is told in one look at its bytes, without a `Request`.

import { begins, DIGITS, latin1, LETTERS } from "./bytes.ts";
import { Field, HOP_BY_HOP, mask } from "./field-names.ts";
import type { RequestHead } from "./request-head.ts";

/** Why a request cannot pass. */
export interface Unfit {
  readonly status: 400 | 431 | 501;
  /** A sentence for people. */
  readonly detail: string;
}

/**
 * A body: all of it, the same each time, where it came with the head. Else a new stream each time, of which
 * only one may be read.
 */
export type FetchBody = Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>;

/** Bun's client sends 250 and loses the others in silence; the gateway adds eight of its own. */
const MOST_FIELDS = 240;

const COMMON = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const COMMON_WITH_BODY = new Set(["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** What a byte of a target is to a URL; 0: looked at closer. */
const PLAIN = 1;
/** A slash, a dot, and what a dot can be encoded with: plain but after a slash. */
const AFTER_NO_SLASH = 2;
const SLASH = 47;
const URL_BYTES = new Uint8Array(256);
for (const byte of Buffer.from(`!$&()*+,-:;=?@_~${DIGITS}${LETTERS}`)) URL_BYTES[byte] = PLAIN;
for (const byte of Buffer.from("/.%")) URL_BYTES[byte] = AFTER_NO_SLASH;

/** What ends at this hop, the framing of the body that was undone, and what is set anew. */
const DROPS = HOP_BY_HOP | mask(Field.TRANSFER_ENCODING, Field.EXPECT, Field.HOST);

/** Why it cannot be said; null when it can. */
export function unfitOf(head: RequestHead): Unfit | null {
  const common = head.length === 0 ? COMMON : COMMON_WITH_BODY;
  const few = head.fields.count <= MOST_FIELDS;
  if (few && common.has(head.method) && isPlain(head) && hasUrlHost(head)) return null;
  const request = requestFor(head, null);
  return request instanceof Request ? null : request;
}

/** It, as a `Request`; or why there is none. `anyMethod`: also one that could not be sent on. */
export function requestFor(
  head: RequestHead,
  body: FetchBody | null,
  anyMethod = false,
): Request | Unfit {
  const { method, target } = head;
  if (head.fields.count > MOST_FIELDS) {
    return unfit(431, `A request with more than ${MOST_FIELDS} header fields is not forwarded.`);
  }
  if (head.length !== 0 && (method === "GET" || method === "HEAD")) {
    return unfit(400, `A body on ${method} is not forwarded; send it with another method.`);
  }
  const url = urlOf(head);
  const request = requestOf(url, { method, headers: headersOf(head), body });
  if (request === null && !URL.canParse(url)) {
    return unfit(400, "The Host makes no URL, such as an address with a number too large.");
  }
  if (request === null || (request.method !== method && !anyMethod)) {
    return unfit(501, "This method is not forwarded.");
  }
  if (request.method !== method) Object.defineProperty(request, "method", { value: method });
  // Bun's client takes one of two leading slashes away.
  if (!request.url.endsWith(target) || target.startsWith("//")) {
    return unfit(
      400,
      "This request target would be altered on its way: percent-encode what is no URL character, " +
        "and leave out dot segments and doubled leading slashes.",
    );
  }
  return request;
}

/** Whether the target, as it is, would be a URL's: no byte that is encoded, no segment that goes away. */
function isPlain({ bytes, pathStart, targetEnd, plainTarget }: RequestHead): boolean {
  if (!plainTarget || bytes[pathStart] !== SLASH) return false;
  for (let at = pathStart; at < targetEnd; at++) {
    const kind = URL_BYTES[bytes[at]!];
    if (kind === AFTER_NO_SLASH && bytes[at - 1] !== SLASH) continue;
    if (kind !== PLAIN) return false;
  }
  return true;
}

/** Absolute: what the request is for, or a name of no meaning where there is no host. */
function urlOf({ host, target }: RequestHead): string {
  return `http://${host === "" ? "localhost" : host}${target}`;
}

/** Most requests are for the host of the one before. */
let lastUrlHost = Buffer.alloc(0);

/** No host at all is one of the backend's choice. */
function hasUrlHost({ bytes, authorityStart, authorityEnd }: RequestHead): boolean {
  const length = authorityEnd - authorityStart;
  if (length === 0) return true;
  if (length === lastUrlHost.length && begins(bytes, authorityStart, lastUrlHost)) return true;
  if (!URL.canParse(`http://${latin1(bytes, authorityStart, authorityEnd)}`)) return false;
  lastUrlHost = Buffer.from(bytes.subarray(authorityStart, authorityEnd));
  return true;
}

/** Null when the host makes no URL, or the method no request. */
function requestOf(url: string, init: RequestInit): Request | null {
  try {
    return new Request(url, init);
  } catch {
    return null;
  }
}

/** Its fields as fetch's object, without those in `drops` and those that end here anyway. */
export function headersOf({ fields, host }: RequestHead, drops = 0): Headers {
  const headers = new Headers();
  // An absolute target's host wins over the field's (RFC 9112 §3.2.2).
  if (host !== "") headers.set("host", host);
  for (let field = 0; field < fields.count; field++) {
    if (((DROPS | drops) & (1 << fields.id(field))) !== 0) continue;
    headers.append(fields.name(field), fields.value(field));
  }
  return headers;
}

function unfit(status: Unfit["status"], detail: string): Unfit {
  return { status, detail };
}
