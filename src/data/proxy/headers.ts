// The same as `header-lines.ts` for `fetch`: the request's fields become the `Headers` of one to a
// backend, and of an answer's fields those that go on are told. Together they are the only place
// where headers change. Nothing is put in that is taken out again: each call into a `Headers`
// costs.

import { Field } from "../http1/field-names.ts";
import type { AnswerFields } from "../http1/passage.ts";
import type { MessageWriter } from "../http1/message-writer.ts";
import type { RequestHead } from "../http1/request-head.ts";
import { headersOf } from "../http1/sayable.ts";
import { Form } from "../http1/target.ts";
import type { Exchange } from "./exchange.ts";
import { forwardedFor, ownLines, PSEUDONYM, requestDrops } from "./header-lines.ts";
import { traceparent } from "../tracing/trace-context.ts";

/**
 * Of an answer, the fields that do not go on: RFC 9110 §7.6.1 and its older kin, `HTTP2-Settings` of
 * RFC 9113 §3.1, and what is written anew.
 */
const ANSWER_DROPS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "x-request-id",
]);

/** Of a trusted proxy's request id: visible ASCII, so that it can go into a log. */
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** What was made of a connection's fields. */
interface Kept {
  /** Of the fields. */
  readonly version: number;
  readonly maxForwards: number;
  readonly headers: Headers;
}

/**
 * What is sent to a backend. Who keeps a connection mostly sends the same fields with each request:
 * then only what names the request is new, and the object that was made for them, for some 5 µs,
 * serves again (`fetch` copies it).
 */
export class RequestHeaders {
  /** By connection, which parses all its requests into one head. */
  readonly #kept = new WeakMap<RequestHead, Kept>();

  /** Good until the connection's next request. Host stays what the client sent. */
  of(exchange: Exchange, head: RequestHead): Headers {
    const { maxForwards } = exchange;
    const { version } = head.fields;
    // An absolute target tells the host, too.
    const kept = head.form === Form.ORIGIN ? this.#kept.get(head) : undefined;
    const same = kept?.version === version && kept.maxForwards === maxForwards;
    const headers = same ? kept.headers : requestHeaders(exchange, head);
    headers.set("x-request-id", exchange.requestId);
    if (exchange.traced) headers.set("traceparent", traceparent(exchange));
    if (!same && head.form === Form.ORIGIN) this.#kept.set(head, { version, maxForwards, headers });
    return headers;
  }
}

/** All but what names the request: the same for the same fields of one connection. */
function requestHeaders(exchange: Exchange, head: RequestHead): Headers {
  const { trusted } = exchange;
  const { fields, host } = head;
  const headers = headersOf(head, requestDrops(exchange));
  headers.set("x-forwarded-for", forwardedFor(exchange, head) + exchange.peer);
  if (!trusted || !fields.has(Field.X_FORWARDED_PROTO)) headers.set("x-forwarded-proto", "http");
  if (host !== "" && !(trusted && fields.has(Field.X_FORWARDED_HOST))) {
    headers.set("x-forwarded-host", host);
  }
  headers.append("via", `1.${head.minor} ${PSEUDONYM}`);
  if (exchange.maxForwards >= 0) headers.set("max-forwards", String(exchange.maxForwards));
  // `fetch` would sign with its own name; an empty value says that there was none.
  if (!headers.has("user-agent")) headers.set("user-agent", "");
  return headers;
}

/** What an answer's head gets beside the backend's fields. */
export function answerLines(writer: MessageWriter, exchange: Exchange): void {
  writer.text(`Via: 1.1 ${PSEUDONYM}\r\n`);
  ownLines(writer, exchange);
}

/** The id a trusted proxy has given the request; null when there is none to use. */
export function givenRequestId({ asked }: Exchange): string | null {
  const id = asked.fields.get("x-request-id");
  return id !== null && REQUEST_ID.test(id) ? id : null;
}

/** The fields of an answer that do not go on: those, and what its `Connection` names. */
export function answerDrops({ connection }: AnswerFields): ReadonlySet<string> {
  if (typeof connection !== "string" || connection === "keep-alive" || connection === "close") {
    return ANSWER_DROPS;
  }
  const drops = new Set(ANSWER_DROPS);
  for (const option of connection.split(",")) {
    const name = option.trim().toLowerCase();
    // Host and length are no options of a connection, whatever a backend claims.
    if (name !== "host" && name !== "content-length") drops.add(name);
  }
  return drops;
}
