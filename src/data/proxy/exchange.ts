// One proxied request from its first byte to the end of its answer: what each step found out, for
// the steps after it. Created by the pipeline, written by the steps in their order, read at the end
// by observe. Owned by one worker; nothing here is shared.

/** What became of the request at the gate. `bad`: refused before anyone asked who sent it. */
export type Decision = "admitted" | "limited" | "rejected" | "bad";

/** Of Bun's server, what a proxied request needs. */
export interface Listener {
  requestIP(request: Request): { readonly address: string } | null;
  /** Idle seconds of the request's connection, from now on; 0 means for ever. */
  timeout(request: Request, seconds: number): void;
}

export class Exchange {
  readonly request: Request;
  readonly listener: Listener;
  readonly method: string;
  /** ns on the clock of the process, read once when the request arrived. */
  readonly startedAt: number;
  /** The peer's address without port; null when it has left already. */
  readonly peer: string | null;
  /** Whether the peer is a proxy whose forwarding headers are believed. */
  readonly trusted: boolean;
  requestId = "";

  /** The value of `client_id` when it names a registered client. */
  clientId: string | null = null;
  /** That client's slot; good until this turn of the event loop ends. -1: anonymous. */
  slot = -1;
  /** Whom an anonymous request comes from: the peer, or what trusted proxies say about it. */
  address = "";

  decision: Decision = "bad";
  /** The two fields of the rate limit headers; empty when no bucket was asked. */
  rateLimitPolicy = "";
  rateLimit = "";

  /** Slots that were tried and failed; null before the first failure. */
  tried: number[] | null = null;
  /** Slot of the backend that is being tried or has answered; -1 when there is none. */
  backend = -1;
  backendUrl: string | null = null;

  /** Cancels the attempt in flight. */
  controller: AbortController | null = null;
  /** Why we cancelled it; a cancelled `fetch` does not say. */
  cancelled: "timeout" | "client" | "too_large" | null = null;
  /** ns: when the attempt is given up unless the backend has answered. */
  deadline = 0;
  /** Place in the list of waiting exchanges; -1 when it is not waiting. Owned by deadlines.ts. */
  waitingAt = -1;
  /** Set once the departure of the client is being listened for. Owned by deadlines.ts. */
  watched = false;
  /** Set when the request's body has been read from, so that it cannot be sent a second time. */
  bodyTouched = false;

  status = 0;
  /** Bytes of the answer's body that were handed on; null when nobody counted. */
  bytes: number | null = 0;
  /** Who ended the exchange before its time. */
  brokenBy: "client" | "backend" | null = null;
  ended = false;

  constructor(
    arrival: { request: Request; listener: Listener; startedAt: number },
    peer: string | null,
    trusted: boolean,
  ) {
    const { request, listener, startedAt } = arrival;
    this.request = request;
    this.listener = listener;
    this.method = request.method;
    this.startedAt = startedAt;
    this.peer = peer;
    this.trusted = trusted;
  }
}

/** Path and query of a request URL as Bun gives it: absolute, or the target alone when the Host
 * header was absent or not a host. */
export function targetOf(url: string): string {
  if (url.charCodeAt(0) === 47) return url;
  // Past "http://" or "https://" and at least one character of the host.
  const path = url.indexOf("/", 8);
  return path < 0 ? "/" : url.slice(path);
}
