// One try at one backend with `fetch`: how it begins, and what its end means. The outcome is a value:
// the backend's answer, or how it failed, which pick.ts judges. Owned by one worker; its connections
// are shared by no other.

import type { Deadlines, Waiting } from "./deadlines.ts";
import type { Exchange } from "./exchange.ts";
import type { AnswerFields, Passage, PassageEnd } from "../http1/passage.ts";
import type { Failure } from "./pick.ts";
import { type ForwardedBody, requestBody } from "./request-body.ts";
import type { Sessions } from "./sessions.ts";

export interface Forward {
  readonly deadlines: Deadlines;
  /** ns: how long a backend may take until its headers, and until each further piece. */
  readonly headLimit: number;
  readonly silenceLimit: number;
  readonly sessions: Sessions;
  /** Their signals have aborted nothing; owned by this file. */
  readonly controllers: AbortController[];
}

/** More are not kept for use again. */
const MOST_CONTROLLERS = 256;

/** An exchange that `fetch` carries, as its tries see it. */
export class Fetching implements Waiting {
  readonly exchange: Exchange;
  readonly passage: Passage;
  headers: Headers | null = null;
  limit = 0;
  deadline = 0;
  held = 0;
  waitingAt = -1;
  /** Set when the request's body has been read from, so that it cannot be sent a second time. */
  bodyTouched = false;
  /** Why we cancelled the try in flight; a cancelled `fetch` does not say. */
  cancelled: "timeout" | "client" | "too_large" | null = null;
  controller: AbortController | null = null;
  /** The answer's fields; null before they came. */
  answered: AnswerFields | null = null;

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

/** Rejects, or throws, as `fetch` does; `failureOf` says what that means. The headers are prepared. */
export function begin(fetching: Fetching, forward: Forward): Promise<Response> {
  const { exchange, headers } = fetching;
  const controller = forward.controllers.pop() ?? new AbortController();
  fetching.controller = controller;
  fetching.limit = forward.headLimit;
  forward.deadlines.add(fetching, exchange.sentAt);
  return fetch(exchange.backendUrl! + exchange.target, {
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
}

/** Whether the answer can be handed on: its pieces are waited for next. Else it is malformed. */
export function accepts(
  { status }: Response,
  fields: AnswerFields,
  fetching: Fetching,
  forward: Forward,
): boolean {
  if (!canBeHandedOn(status, fields)) {
    forward.deadlines.remove(fetching);
    fetching.controller?.abort();
    return false;
  }
  // It stays among those that wait until the answer is over.
  fetching.answered = fields;
  fetching.limit = forward.silenceLimit;
  forward.deadlines.renew(fetching);
  return true;
}

/** It is over. Of an answer that was read to its end nothing is left that a signal could end. */
export function finish(fetching: Fetching, end: PassageEnd, forward: Forward): void {
  forward.deadlines.remove(fetching);
  const { answered, cancelled, controller, exchange } = fetching;
  const read = answered !== null && end === "whole" && exchange.method !== "HEAD";
  if (!read || cancelled !== null || controller === null) return;
  fetching.controller = null;
  if (forward.controllers.length < MOST_CONTROLLERS) forward.controllers.push(controller);
}

/** What it means that `begin` rejected. */
export function failureOf(error: unknown, fetching: Fetching, forward: Forward): Failure {
  forward.deadlines.remove(fetching);
  if (fetching.cancelled !== null) return fetching.cancelled;
  const code = codeOf(error);
  if (UNCONNECTED.has(code) || UNTRUSTED.test(code)) return "unconnected";
  return RESET.has(code) ? "reset" : "malformed";
}

/** The same for the log. Not the message, which may hold the URL that was asked for. */
export function errorOf(error: unknown, { cancelled }: Fetching): string {
  return cancelled === "timeout" ? "no answer in time" : codeOf(error);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Server-sent events (WHATWG HTML §9.2): a stream that may be quiet until there is news. */
function isEventStream(fields: AnswerFields): boolean {
  return textOf(fields["content-type"]).toLowerCase().startsWith("text/event-stream");
}

/**
 * Bun can make no answer of other statuses, and nobody asked for a switch of protocols. A transfer
 * coding that is not undone would pass for content; one beside a length is an attempt at smuggling
 * (RFC 9112 §6.1, §6.3).
 */
function canBeHandedOn(status: number, fields: AnswerFields): boolean {
  if (status < 200 || status > 599) return false;
  const coding = fields["transfer-encoding"];
  if (coding === undefined) return true;
  return textOf(coding).toLowerCase() === "chunked" && fields["content-length"] === undefined;
}

function textOf(value: AnswerFields[string]): string {
  return typeof value === "string" ? value : "";
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
