// The RateLimit header fields (draft-ietf-httpapi-ratelimit-headers-10, structured fields of
// RFC 9651). Pure. Whole numbers only, each rounded against the client: what is promised holds.

import type { Take } from "../../shared/gcra.ts";

/** Name of the policy: which kind of bucket was asked. */
export type PolicyName = "client" | "anonymous";

/** Structured field integers end here (RFC 9651 §3.3.1). */
const MAX_INTEGER = 999_999_999_999_999;

/** `"client";q=100;w=20`: the quota, and the seconds in which an empty bucket refills. */
export function policyField(name: PolicyName, take: Take): string {
  return `"${name}";q=${Math.floor(take.limit)};w=${seconds(take.window)}`;
}

/** `"client";r=49;t=11`: whole tokens left, and seconds until the bucket is full again. */
export function admittedField(name: PolicyName, take: Take): string {
  return `"${name}";r=${Math.floor(take.remaining)};t=${Math.min(Math.ceil(take.resetAfter), MAX_INTEGER)}`;
}

/** `"client";r=0;t=1`: `t` says the same as Retry-After. */
export function limitedField(name: PolicyName, take: Take): string {
  return `"${name}";r=0;t=${retryAfter(take)}`;
}

/** Retry-After in seconds (RFC 9110 §10.2.3): rounded up, at least 1. */
export function retryAfter(take: Take): number {
  return seconds(take.retryAfter);
}

function seconds(value: number): number {
  return Math.min(Math.max(1, Math.ceil(value)), MAX_INTEGER);
}
