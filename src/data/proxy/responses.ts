// Every answer that the gateway makes itself on the proxied path, in one place, and how it is
// written to the connection. Bodies never change, so they are made once. None of them names a
// backend.

import type { Exchange as HttpExchange } from "../http1/exchange.ts";
import type { Unfit } from "../http1/sayable.ts";
import { Phrase } from "../http1/phrase.ts";
import { reasonOf } from "../http1/reasons.ts";
import {
  type Header,
  problemAnswer,
  type WholeAnswer,
  wholeAnswer,
} from "../http1/whole-answer.ts";
import type { Exchange } from "./exchange.ts";
import { ownLines } from "./header-lines.ts";
import type { PolicyName } from "./ratelimit-headers.ts";

export interface OwnAnswer extends WholeAnswer {
  /** With the time until the bucket that was asked has a token, as `Retry-After`. */
  readonly retryAfter?: true;
}

/** Registered at IANA by draft-ietf-httpapi-ratelimit-headers. */
const QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/** By the kind of bucket that was asked. */
export const LIMITED = { client: limited("client"), anonymous: limited("anonymous") };

function limited(policy: PolicyName): OwnAnswer {
  const own = problemAnswer(429, {
    type: QUOTA_EXCEEDED,
    title: "Too Many Requests",
    detail: "The bucket has no token left; Retry-After says when the next one is there.",
    "violated-policies": [policy],
  });
  return { ...own, retryAfter: true };
}

/** 401 must name a way to authenticate (RFC 9110 §15.5.2). */
export const UNKNOWN_CLIENT = problemAnswer(
  401,
  {
    title: "Unknown Client",
    detail: "The query parameter client_id must name a registered client.",
  },
  [["WWW-Authenticate", 'Query realm="gateway", parameter="client_id"']],
  "Unauthorized",
);

export const DOUBLED_CLIENT_ID = problemAnswer(400, {
  title: "Bad Request",
  detail: "The query parameter client_id is given more than once.",
});

const ALLOW: Header = ["Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"];

export const METHOD_NOT_ALLOWED = problemAnswer(
  405,
  { title: "Method Not Allowed", detail: "The gateway opens no tunnels and echoes no requests." },
  [ALLOW],
);

/** To an OPTIONS that is about the gateway and not about anything behind it (RFC 9110 §9.3.7). */
export const OWN_OPTIONS = wholeAnswer(200, "OK", [ALLOW], "");

export const BAD_MAX_FORWARDS = problemAnswer(400, {
  title: "Bad Request",
  detail: "Max-Forwards is not one number: nobody can tell how far the request may go.",
});

/** What the client behind `fetch` would lose or alter; doing so in silence would be worse. */
export function notForwardable({ status, detail }: Unfit): OwnAnswer {
  return problemAnswer(status, { title: reasonOf(status), detail });
}

export function bodyTooLarge(maxBody: number): OwnAnswer {
  return problemAnswer(413, {
    title: "Content Too Large",
    detail: `A request body has at most ${maxBody} bytes here.`,
  });
}

export const NONE_HEALTHY = problemAnswer(503, {
  title: "Service Unavailable",
  detail: "Service not available: no backend is open to requests.",
});

export const SATURATED = problemAnswer(
  503,
  {
    title: "Service Unavailable",
    detail: "Service not available: every backend has as many requests as it may have.",
  },
  [["Retry-After", "1"]],
);

export const BACKEND_FAILED = problemAnswer(502, {
  title: "Bad Gateway",
  detail: "The backend failed before it answered.",
});

export const BACKEND_TIMED_OUT = problemAnswer(504, {
  title: "Gateway Timeout",
  detail: "The backend did not answer in time.",
});

/** Nobody reads it: the client has left. The status is nginx's word for that in the access log. */
export const CLIENT_LEFT = wholeAnswer(499, "Client Closed Request", [], "");

const RETRY_AFTER = new Phrase("Retry-After: ");

/** Begins and ends the answer on the connection. */
export function send(own: OwnAnswer, exchange: Exchange, http: HttpExchange): void {
  const writer = http.beginHead(own.status, own.head);
  if (own.retryAfter) writer.phrase(RETRY_AFTER).number(exchange.rateLimit.reset).crlf();
  ownLines(writer, exchange);
  http.sendWhole(own.body);
}
