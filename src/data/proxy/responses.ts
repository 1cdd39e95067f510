// Every answer that the gateway makes itself on the proxied path, in one place. Bodies never change,
// so they are made once. None of them names a backend.

import { problem, problemBody, problemText } from "../../shared/problem.ts";
import type { PolicyName } from "./ratelimit-headers.ts";

/** Registered at IANA by draft-ietf-httpapi-ratelimit-headers. */
const QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/** After an answer that leaves the request's body unread, the rest of it must not be parsed. */
const CLOSE = { connection: "close" };

function limitedBody(policy: PolicyName): string {
  return problemBody(429, {
    type: QUOTA_EXCEEDED,
    title: "Too Many Requests",
    detail: "The bucket has no token left; Retry-After says when the next one is there.",
    "violated-policies": [policy],
  });
}

const LIMITED = { client: limitedBody("client"), anonymous: limitedBody("anonymous") };

export function limited(policy: PolicyName, retryAfter: number): Response {
  return problemText(429, LIMITED[policy], { "retry-after": String(retryAfter) });
}

/** 401 must name a way to authenticate (RFC 9110 §15.5.2). */
export function unknownClient(): Response {
  return problem(
    401,
    {
      title: "Unknown Client",
      detail: "The query parameter client_id must name a registered client.",
    },
    { "www-authenticate": 'Query realm="gateway", parameter="client_id"' },
  );
}

export function doubledClientId(): Response {
  return problem(400, {
    title: "Bad Request",
    detail: "The query parameter client_id is given more than once.",
  });
}

export function malformedHost(): Response {
  return problem(
    400,
    { title: "Bad Request", detail: "The Host header is not one valid host." },
    CLOSE,
  );
}

/** The client behind `fetch` cannot send such a body; dropping it in silence would be worse. */
export function bodyNotForwardable(method: string): Response {
  return problem(
    400,
    {
      title: "Bad Request",
      detail: `A body on ${method} is not forwarded; send it with another method.`,
    },
    CLOSE,
  );
}

export function connectNotAllowed(): Response {
  return problem(
    405,
    { title: "Method Not Allowed", detail: "The gateway opens no tunnels." },
    { allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", ...CLOSE },
  );
}

export function upgradeNotSupported(): Response {
  return problem(
    501,
    { title: "Not Implemented", detail: "The gateway does not forward WebSocket upgrades." },
    CLOSE,
  );
}

export function bodyTooLarge(maxBody: number): Response {
  return problem(
    413,
    { title: "Content Too Large", detail: `A request body has at most ${maxBody} bytes here.` },
    CLOSE,
  );
}

const UNAVAILABLE = problemBody(503, {
  title: "Service Unavailable",
  detail: "Service not available: no backend is healthy.",
});

export function noneHealthy(): Response {
  return problemText(503, UNAVAILABLE);
}

const SATURATED = problemBody(503, {
  title: "Service Unavailable",
  detail: "Service not available: every backend has as many requests as it may have.",
});

export function saturated(): Response {
  return problemText(503, SATURATED, { "retry-after": "1" });
}

const BAD_GATEWAY = problemBody(502, {
  title: "Bad Gateway",
  detail: "The backend failed before it answered.",
});

export function backendFailed(): Response {
  return problemText(502, BAD_GATEWAY);
}

const TIMED_OUT = problemBody(504, {
  title: "Gateway Timeout",
  detail: "The backend did not answer in time.",
});

export function backendTimedOut(): Response {
  return problemText(504, TIMED_OUT);
}

/** Nobody reads it: the client has left. The status is nginx's word for that in the access log. */
export const CLIENT_LEFT = 499;

export function clientLeft(): Response {
  return new Response(null, { status: CLIENT_LEFT });
}
