// What would become of a request, without doing it: read and routed as a real one, the same refuse and
// identify, a look at the bucket where a real one takes, and the backend whose turn it is. Changes
// nothing.

import type { Config } from "../../config.ts";
import {
  type AddressKey,
  addressKey,
  CidrSet,
  keyText,
  normalizeAddress,
} from "../../shared/address.ts";
import { SATURATED } from "../../shared/backend-table.ts";
import { keyOf } from "../../shared/balancing/balancer.ts";
import type { Clock } from "../../shared/clock.ts";
import type {
  ExplainedBucket,
  ExplainedIdentity,
  ExplainQuery,
  Explanation,
} from "../../shared/explanation.ts";
import { newTake, type Take } from "../../shared/gcra.ts";
import { isReserved, mayGoByFetch } from "../front.ts";
import { DONE } from "../http1/fields.ts";
import { HEAD_LIMITS, RequestHead } from "../http1/request-head.ts";
import { unfitOf } from "../http1/sayable.ts";
import { clientIdOf } from "./client-id.ts";
import { Exchange } from "./exchange.ts";
import { type ClientLookup, identify, locate } from "./identify.ts";
import { partyOf } from "./pick.ts";
import { refuse } from "./refuse.ts";
import { DOUBLED_CLIENT_ID, UNKNOWN_CLIENT } from "./responses.ts";

export interface ExplainOptions {
  readonly config: Pick<
    Config,
    "anonymous" | "maxBody" | "transport" | "trustedProxies" | "unknownClients" | "balancer"
  >;
  /** As `FrontOptions` has them. */
  readonly reserved: readonly string[];
  readonly clients: ClientLookup & {
    peek(slot: number, now: number, out: Take): boolean;
    ratePerSec(slot: number): number;
  };
  readonly anonymous: { peek(key: AddressKey, now: number, out: Take): void };
  readonly backends: {
    /** The backend that would be next, which stays next. */
    preview(key: number): number;
    id(slot: number): string;
    url(slot: number): string;
  };
  readonly clock: Clock;
}

export type Explain = (query: ExplainQuery) => Explanation;

export function createExplain(options: ExplainOptions): Explain {
  const { config, clients, clock } = options;
  const trusted = new CidrSet(config.trustedProxies);
  const reserved = options.reserved.map((prefix) => Buffer.from(prefix));
  return (query) => {
    const reasons: string[] = [];
    const head = new RequestHead();
    const verdict = read(head, query);
    if (verdict !== DONE) {
      reasons.push(`It is refused before it is a request: ${head.fault}.`);
      return refused("bad", verdict, reasons);
    }
    if (isReserved(head, reserved)) {
      reasons.push("Its path is the gateway's own: it reaches no backend, and no bucket is asked.");
      return refused("answered", null, reasons);
    }
    const unfit = config.transport === "fetch" && mayGoByFetch(head) ? unfitOf(head) : null;
    if (unfit !== null) {
      reasons.push(unfit.detail, "TRANSPORT=pooled does not refuse it for that.");
      return refused("bad", unfit.status, reasons);
    }
    const peer = normalizeAddress(query.peer);
    const exchange = new Exchange(head, clock(), peer, trusted.has(peer));
    const refusal = refuse(exchange, config.maxBody);
    if (refusal !== null) {
      const own = exchange.decision === "answered";
      reasons.push(
        own
          ? "The request is about the gateway itself: Max-Forwards lets it go no further."
          : "The request cannot be forwarded as it is, whoever sends it.",
      );
      return refused(own ? "answered" : "bad", refusal.status, reasons);
    }
    locate(exchange, trusted);
    const identity = identify(exchange, clients);
    if (identity === "doubled") {
      reasons.push("client_id is given more than once.");
      return refused("bad", DOUBLED_CLIENT_ID.status, reasons);
    }
    reasons.push(whoIsIt(exchange));
    if (identity === "anonymous" && config.unknownClients === "reject") {
      reasons.push("UNKNOWN_CLIENTS says that only registered clients are served.");
      return refused("rejected", UNKNOWN_CLIENT.status, reasons);
    }
    return judge(exchange, reasons, options);
  };
}

function judge(exchange: Exchange, reasons: string[], options: ExplainOptions): Explanation {
  const { found, bucket } = lookInto(exchange, options);
  if (bucket.next_token_in_sec > 0) {
    reasons.push(`Its bucket holds ${bucket.current_tokens} tokens; a request needs a whole one.`);
    const limited = { decision: "limited", status: 429, reasons } as const;
    return { ...limited, identity: found, bucket, backend: null };
  }
  reasons.push(`Its bucket holds ${bucket.current_tokens} tokens, of which it takes one.`);
  const backend = nextBackend(exchange, reasons, options);
  const status = backend === null ? 503 : null;
  return { decision: "admitted", status, reasons, identity: found, bucket, backend };
}

function refused(
  decision: "bad" | "answered" | "rejected",
  status: number | null,
  reasons: string[],
): Explanation {
  return { decision, status, reasons, identity: null, bucket: null, backend: null };
}

/** As if it had come on a connection. Who names no host means any. */
function read(head: RequestHead, { method, target, version, headers }: ExplainQuery): number {
  const host = headers.has("host") ? "" : "Host: localhost\r\n";
  let text = `${method} ${target} ${version}\r\n${host}`;
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
  const bytes = Buffer.from(`${text}\r\n`, "latin1");
  head.reset(0);
  return head.parse(bytes, bytes.length, HEAD_LIMITS);
}

function whoIsIt(exchange: Exchange): string {
  const { clientId, address, peer, target, trusted } = exchange;
  if (clientId !== null) return `client_id names the registered client ${clientId}.`;
  const given = clientIdOf(target);
  const why =
    given === null ? "There is no client_id" : "No client with this client_id is registered";
  const from =
    trusted && address !== peer
      ? "which the trusted proxies say it comes from"
      : "the address of its connection";
  return `${why}, so the request counts for ${address}, ${from}.`;
}

const take = newTake();
const key: AddressKey = { hi: 0, lo: 0 };

function lookInto(
  exchange: Exchange,
  { clients, anonymous, config }: ExplainOptions,
): { found: ExplainedIdentity; bucket: ExplainedBucket } {
  const { clientId, slot, startedAt, address } = exchange;
  if (clientId !== null && clients.peek(slot, startedAt, take)) {
    const bucket = bucketOf("client", clients.ratePerSec(slot));
    return { found: { kind: "client", client_id: clientId }, bucket };
  }
  if (!addressKey(address, key)) addressKey("::", key);
  anonymous.peek(key, startedAt, take);
  const found = { kind: "anonymous", address, bucket_of: keyText(key) } as const;
  return { found, bucket: bucketOf("anonymous", config.anonymous.ratePerSec) };
}

function bucketOf(policy: ExplainedBucket["policy"], ratePerSec: number): ExplainedBucket {
  return {
    policy,
    capacity: take.limit,
    rate_per_sec: ratePerSec,
    current_tokens: Math.floor(take.remaining * 1000) / 1000,
    full_in_sec: take.resetAfter,
    next_token_in_sec: take.retryAfter,
  };
}

function nextBackend(
  exchange: Exchange,
  reasons: string[],
  { backends, config }: ExplainOptions,
): Explanation["backend"] {
  const slot = backends.preview(keyOf(partyOf(exchange)));
  if (slot < 0) {
    const why = slot === SATURATED ? "has as many requests as it may have" : "is not available";
    reasons.push(`Every backend ${why}.`);
    return null;
  }
  const chance = config.balancer === "random_two_choices";
  reasons.push(
    `By ${config.balancer}, ${chance ? "this backend might be picked" : "this backend is next"}.`,
  );
  return { id: backends.id(slot), url: backends.url(slot) };
}
