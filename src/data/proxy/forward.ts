// One try at one backend with `fetch`. The outcome is a value: the backend's answer, or how it
// failed, which pick.ts judges. Owned by one worker; its connections are shared by no other.

import type { Clock } from "../../shared/clock.ts";
import type { Deadlines } from "./deadlines.ts";
import { type Exchange, targetOf } from "./exchange.ts";
import { type ForwardedBody, requestBody } from "./request-body.ts";
import type { Sessions } from "./sessions.ts";

/**
 * `unconnected`: nothing was sent. `reset`: the connection ended before an answer. `malformed`: the
 * answer was not HTTP. The other three are our own doing: `timeout`, the `client` left, or its body
 * grew `too_large`.
 */
export type Failure = "unconnected" | "reset" | "malformed" | "timeout" | "client" | "too_large";

export interface Forward {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** Bytes; 0 means no limit. */
  readonly maxBody: number;
  readonly sessions: Sessions;
}

/** Settles with a value. The headers must have been prepared. */
export async function tryBackend(
  exchange: Exchange,
  origin: string,
  forward: Forward,
): Promise<Response | Failure> {
  const { request, method } = exchange;
  const controller = new AbortController();
  exchange.controller = controller;
  forward.deadlines.add(exchange, forward.clock());
  try {
    const response = await fetch(origin + targetOf(request.url), {
      method,
      headers: request.headers,
      body: requestBody(exchange, forward.deadlines, forward.maxBody),
      signal: controller.signal,
      session: forward.sessions.of(exchange.backend),
      redirect: "manual",
      decompress: false,
      // The environment's proxies are not between us and our backends.
      proxy: false,
      // Deadlines are ours; Bun's would cut a quiet stream after five minutes.
      timeout: false,
    } satisfies BunFetchRequestInit & { body: ForwardedBody });
    if (response.status >= 200 && response.status <= 599) return response;
    // Bun can make no answer of it, and nobody asked for a switch of protocols.
    controller.abort();
    return "malformed";
  } catch (error) {
    return exchange.cancelled ?? failureOf(error);
  } finally {
    forward.deadlines.remove(exchange);
  }
}

/** Socket errors after which nothing can have reached the backend. */
const UNCONNECTED = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_NONAME",
  "EAI_FAIL",
  "EAI_NODATA",
  "ENODATA",
  "ESERVFAIL",
]);
const RESET = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "ETIMEDOUT"]);

function failureOf(error: unknown): Failure {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (UNCONNECTED.has(code)) return "unconnected";
  return RESET.has(code) ? "reset" : "malformed";
}
