// The same as `header-lines.ts` for the objects of `fetch`, in both directions; together they are
// the only place where headers change. The objects are changed in place: copying them costs more
// than the rest of the gateway's work on a request. What is hop-by-hop in a request, or spelled so
// that it could be mistaken, never gets this far (../http1/fetch-adapter.ts).

import { Field } from "../http1/field-names.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { Exchange } from "./exchange.ts";
import { PSEUDONYM } from "./header-lines.ts";

/** RFC 9110 §7.6.1 and its older kin, less `Connection` itself; `HTTP2-Settings` is RFC 9113 §3.1. */
const HOP_BY_HOP = [
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
] as const;

/** Of a trusted proxy's request id: visible ASCII, so that it can go into a log. */
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** Makes the request ready to be sent to a backend. Host stays what the client sent. */
export function prepareRequest(exchange: Exchange, headers: Headers, head: RequestHead): void {
  if (!exchange.trusted) dropClaims(headers, head);
  setForwarded(exchange, headers);
  headers.append("via", `1.${head.minor} ${PSEUDONYM}`);
  headers.set("x-request-id", exchange.requestId);
  if (exchange.traceparent !== null) setTrace(exchange.traceparent, exchange.parentId, headers);
  if (exchange.maxForwards >= 0) headers.set("max-forwards", String(exchange.maxForwards));
  // `fetch` would sign with its own name; an empty value says that there was none.
  if (!headers.has("user-agent")) headers.set("user-agent", "");
}

/** A state without the trace it is about means nothing (W3C Trace Context §3.3.1). */
function setTrace(traceparent: string, parentId: string, headers: Headers): void {
  headers.set("traceparent", traceparent);
  if (parentId === "") headers.delete("tracestate");
}

/** Makes a backend's answer ready for the client. */
export function prepareResponse(exchange: Exchange, headers: Headers): void {
  dropHopByHop(headers);
  headers.append("via", `1.1 ${PSEUDONYM}`);
  setOwn(exchange, headers);
}

/** What every answer carries, the gateway's own ones too. */
export function setOwn(exchange: Exchange, headers: Headers): void {
  headers.set("x-request-id", exchange.requestId);
  if (exchange.rateLimit === "") return;
  // Appended: a backend's own limits stay beside ours (the draft's §5).
  headers.append("ratelimit-policy", exchange.rateLimitPolicy);
  headers.append("ratelimit", exchange.rateLimit);
}

/** The id a trusted proxy has given the request; null when there is none to use. */
export function givenRequestId({ asked }: Exchange): string | null {
  const id = asked.fields.get("x-request-id");
  return id !== null && REQUEST_ID.test(id) ? id : null;
}

function dropHopByHop(headers: Headers): void {
  const connection = headers.get("connection");
  if (connection !== null) {
    if (connection !== "keep-alive" && connection !== "close") dropNamed(headers, connection);
    headers.delete("connection");
  }
  for (const name of HOP_BY_HOP) headers.delete(name);
}

/** Host and length are no options of a connection, whatever a backend claims. */
function dropNamed(headers: Headers, connection: string): void {
  for (const option of connection.split(",")) {
    const name = option.trim().toLowerCase();
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) continue;
    if (name !== "host" && name !== "content-length") headers.delete(name);
  }
}

/** What a stranger could use to lie about where the request came from. */
function dropClaims(headers: Headers, { fields }: RequestHead): void {
  headers.delete("forwarded");
  headers.delete("x-real-ip");
  if (!fields.has(Field.X_FORWARDED_OTHER)) return;
  for (let field = 0; field < fields.count; field++) {
    if (fields.id(field) === Field.X_FORWARDED_OTHER) headers.delete(fields.name(field));
  }
}

/** The word of a trusted peer is kept and extended; that of any other is replaced. */
function setForwarded({ peer, trusted }: Exchange, headers: Headers): void {
  if (trusted) headers.append("x-forwarded-for", peer);
  else headers.set("x-forwarded-for", peer);
  if (!trusted || !headers.has("x-forwarded-proto")) headers.set("x-forwarded-proto", "http");
  if (trusted && headers.has("x-forwarded-host")) return;
  const host = headers.get("host");
  if (host === null) headers.delete("x-forwarded-host");
  else headers.set("x-forwarded-host", host);
}
