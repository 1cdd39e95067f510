// Takes one token from the bucket of whoever identify found. Reads the clock's value from the
// exchange; writes the decision and the rate limit fields into it. The take itself is one bounded
// atomic step of the tables; the two scratch objects make it free of allocation.

import { addressKey, type AddressKey } from "../../shared/address.ts";
import { ADMITTED, GONE, newTake, type Take, type TakeOutcome } from "../../shared/gcra.ts";
import type { Exchange } from "./exchange.ts";
import type { ClientLookup } from "./identify.ts";
import { fillRateLimit, type PolicyName } from "./ratelimit-headers.ts";

export interface ClientBuckets extends ClientLookup {
  take(slot: number, now: number, out: Take): TakeOutcome;
}

export interface AnonymousBuckets {
  take(key: AddressKey, now: number, out: Take): TakeOutcome;
}

const take = newTake();
const key: AddressKey = { hi: 0, lo: 0 };

/** False when the client was deleted since identify found it: the request is anonymous then. */
export function admitClient(exchange: Exchange, clients: ClientBuckets): boolean {
  const outcome = clients.take(exchange.slot, exchange.startedAt, take);
  if (outcome === GONE) {
    exchange.slot = -1;
    return false;
  }
  decide(exchange, "client", outcome);
  return true;
}

/** An address that cannot be read (the client has left) shares the bucket of `::`. */
export function admitAnonymous(exchange: Exchange, anonymous: AnonymousBuckets): void {
  if (!addressKey(exchange.address, key)) addressKey("::", key);
  decide(exchange, "anonymous", anonymous.take(key, exchange.startedAt, take));
}

function decide(exchange: Exchange, policy: PolicyName, outcome: TakeOutcome): void {
  const admitted = outcome === ADMITTED;
  exchange.decision = admitted ? "admitted" : "limited";
  exchange.limitedBy = policy;
  fillRateLimit(exchange.rateLimit, take, admitted);
}
