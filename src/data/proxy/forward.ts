// One try at one backend with `fetch`. The outcome is a value: the backend's answer, or how it
// failed, which pick.ts judges. Owned by one worker; its connections are shared by no other.

import type { Clock } from "../../shared/clock.ts";
import type { Deadlines, Waiting } from "./deadlines.ts";
import type { Exchange } from "./exchange.ts";
import type { Passage } from "../http1/fetch-adapter.ts";
import type { Failure } from "./pick.ts";
import { type ForwardedBody, requestBody } from "./request-body.ts";
import type { Sessions } from "./sessions.ts";

export interface Forward {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** ns: how long a backend may take until its headers, and until each further piece. */
  readonly headLimit: number;
  readonly silenceLimit: number;
  readonly sessions: Sessions;
}

/** An exchange that `fetch` carries. */
export class Fetching implements Waiting {
  readonly exchange: Exchange;
  readonly passage: Passage;
  headers: Headers | null = null;
  limit = 0;
  deadline = 0;
  waitingAt = -1;
  /** Set when the request's body has been read from, so that it cannot be sent a second time. */
  bodyTouched = false;
  /** Why we cancelled the try in flight; a cancelled `fetch` does not say. */
  cancelled: "timeout" | "client" | "too_large" | null = null;
  controller: AbortController | null = null;
  /** What came of the answer's head; null before. */
  answered: Headers | null = null;

  constructor(exchange: Exchange, passage: Passage) {
    this.exchange = exchange;
    this.passage = passage;
  }

  /** Ends the try in flight; the first reason counts. */
  cancel(reason: NonNullable<Fetching["cancelled"]>): void {
    this.cancelled ??= reason;
    this.controller?.abort();
  }
  onTimeout(): void {
    // Asked only now, so that answers which are not silent pay nothing for it.
    if (this.answered !== null && isEventStream(this.answered))
      this.limit = this.deadline = Infinity;
    else this.cancel("timeout");
  }
}

/** Settles with a value. The headers must have been prepared. */
export async function tryBackend(
  fetching: Fetching,
  forward: Forward,
): Promise<Response | Failure> {
  if (fetching.cancelled !== null) return fetching.cancelled;
  const { exchange, headers } = fetching;
  const controller = new AbortController();
  fetching.controller = controller;
  fetching.limit = forward.headLimit;
  forward.deadlines.add(fetching, exchange.sentAt);
  try {
    const response = await fetch(exchange.backendUrl! + exchange.target, {
      method: exchange.method,
      headers: headers!,
      body: requestBody(fetching, forward.deadlines),
      signal: controller.signal,
      session: forward.sessions.of(exchange.backend),
      redirect: "manual",
      decompress: false,
      // The environment's proxies are not between us and our backends.
      proxy: false,
      // Deadlines are ours; Bun's would cut a quiet stream after five minutes.
      timeout: false,
    } satisfies BunFetchRequestInit & { body: ForwardedBody });
    if (canBeHandedOn(response)) {
      // It stays among those that wait until the answer is over.
      fetching.answered = response.headers;
      fetching.limit = forward.silenceLimit;
      forward.deadlines.renew(fetching);
      return response;
    }
    forward.deadlines.remove(fetching);
    controller.abort();
    return "malformed";
  } catch (error) {
    forward.deadlines.remove(fetching);
    return fetching.cancelled ?? failureOf(error);
  }
}

/** Server-sent events (WHATWG HTML §9.2): a stream that may be quiet until there is news. */
function isEventStream(headers: Headers): boolean {
  return headers.get("content-type")?.toLowerCase().startsWith("text/event-stream") ?? false;
}

/**
 * Bun can make no answer of other statuses, and nobody asked for a switch of protocols. A transfer
 * coding that is not undone would pass for content; one beside a length is an attempt at smuggling
 * (RFC 9112 §6.1, §6.3).
 */
function canBeHandedOn({ status, headers }: Response): boolean {
  if (status < 200 || status > 599) return false;
  const coding = headers.get("transfer-encoding");
  if (coding === null) return true;
  return coding.toLowerCase() === "chunked" && !headers.has("content-length");
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
/** Of certificates that are refused, before anything is sent. */
const UNTRUSTED = /CERT|SIGNATURE|_TLS_|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH/;
const RESET = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "ETIMEDOUT"]);

function failureOf(error: unknown): Failure {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (UNCONNECTED.has(code) || UNTRUSTED.test(code)) return "unconnected";
  return RESET.has(code) ? "reset" : "malformed";
}
