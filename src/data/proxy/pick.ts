// Which backend gets the request, and whether another one may have it after a failure: at most one
// try for each, and only where repeating is safe (RFC 9110 §9.2.2). Begins the request in the table
// that all threads share; writes the exchange's backend.

import { addressKey, type AddressKey, keyText } from "../../shared/address.ts";
import { SATURATED } from "../../shared/backend-table.ts";
import { keyOf } from "../../shared/balancing/balancer.ts";
import type { Exchange } from "./exchange.ts";

export interface Backends {
  readonly usesKey: boolean;
  /** A slot, with a request begun there; or NONE_OPEN or SATURATED. */
  acquire(key: number, tried: readonly number[]): number;
  /** Whether one that is neither `slot` nor in `tried` may have a request now. */
  hasAnother(slot: number, tried: readonly number[]): boolean;
  url(slot: number): string;
}

/**
 * How a try ended without an answer. `unconnected`: nothing was sent. `reset`: the connection ended
 * before an answer. `malformed`: the answer was not HTTP. The other three are not the backend's
 * doing, or not only: `timeout`, the `client` left, or its body grew `too_large`.
 */
export type Failure = "unconnected" | "reset" | "malformed" | "timeout" | "client" | "too_large";

/** `none`: no (other) backend is open. `saturated`: each has as many requests as it may have. */
export type Pick = "picked" | "none" | "saturated";

const NOTHING_TRIED: readonly number[] = [];

/** Sets the exchange's backend and begins the request there. */
export function pick(exchange: Exchange, backends: Backends): Pick {
  const key = backends.usesKey ? keyOf(partyOf(exchange)) : 0;
  const slot = backends.acquire(key, exchange.tried ?? NOTHING_TRIED);
  if (slot < 0) return slot === SATURATED ? "saturated" : "none";
  exchange.backend = slot;
  exchange.backendUrl = backends.url(slot);
  exchange.begun = true;
  return "picked";
}

const key: AddressKey = { hi: 0, lo: 0 };

/** Who is limited together stays together: the client, or the address, of IPv6 its /64. */
export function partyOf({ clientId, address }: Exchange): string {
  if (clientId !== null) return clientId;
  return address.includes(":") && addressKey(address, key) ? keyText(key) : address;
}

/** Whether a request that just failed has a backend left. */
export function hasAnother({ backend, tried }: Exchange, backends: Backends): boolean {
  return backends.hasAnother(backend, tried ?? NOTHING_TRIED);
}

/** Idempotent by RFC 9110 §9.2.2. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/**
 * `replayable`: the request's body can be sent once more. Nothing was sent: any method. The
 * connection broke before the answer: idempotent ones. Everything else stays failed: a backend that
 * is slow or speaks nonsense has worked on the request.
 */
export function mayTryAnother(exchange: Exchange, failure: Failure, replayable: boolean): boolean {
  if (failure === "unconnected") return replayable;
  return failure === "reset" && replayable && isIdempotent(exchange.method);
}

export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}
