// Which backend gets the request, and whether another one may have it after a failure: at most one
// try for each, and only where repeating is safe (RFC 9110 §9.2.2). Draws from the rotation that
// all threads share; writes the exchange's backend.

import type { Exchange } from "./exchange.ts";
import type { Failure } from "./forward.ts";
import { isUntouched } from "./request-body.ts";

export interface Backends {
  next(): number;
  nextExcept(tried: readonly number[]): number;
  url(slot: number): string;
}

/** The origin of the backend whose turn it is; null when no (other) backend is healthy. */
export function pick(exchange: Exchange, backends: Backends): string | null {
  const slot = exchange.tried === null ? backends.next() : backends.nextExcept(exchange.tried);
  if (slot < 0) return null;
  exchange.backend = slot;
  exchange.backendUrl = backends.url(slot);
  return exchange.backendUrl;
}

/** Idempotent by RFC 9110 §9.2.2. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/**
 * Nothing was sent: any request whose body is still whole. The connection broke before the answer:
 * idempotent methods without a body (the body is gone). Everything else stays failed: a backend
 * that is slow or speaks nonsense has worked on the request.
 */
export function mayTryAnother(exchange: Exchange, failure: Failure): boolean {
  if (failure === "unconnected") return isUntouched(exchange);
  if (failure !== "reset" || !IDEMPOTENT.has(exchange.method)) return false;
  const { method, request } = exchange;
  return method === "GET" || method === "HEAD" || request.body === null;
}
