// Who sent this request: a registered client, named by `client_id`, or an address. Reads the client
// index and the request; writes what it found into the exchange. An id that is missing, empty, not
// well-formed or not registered is all the same: the request is anonymous, or it is rejected where
// UNKNOWN_CLIENTS says so (leaving the id out must not be a way around that).

import { addressKey, type AddressKey, CidrSet, normalizeAddress } from "../../shared/address.ts";
import {
  ABSENT,
  clientIdOf,
  DOUBLED,
  ENCODED,
  findClientId,
  type IdPlace,
  TWICE,
} from "./client-id.ts";
import type { Exchange } from "./exchange.ts";

export type Identity = "client" | "anonymous" | "doubled";

export interface ClientLookup {
  /** Slot, or -1. */
  find(clientId: string): number;
  /** The same of the id in [from, to). */
  findBytes(bytes: Uint8Array, from: number, to: number): number;
}

const place: IdPlace = { start: 0, end: 0 };

/** For a registered client, does what `Exchange.identified` does. */
export function identify(exchange: Exchange, clients: ClientLookup): Identity {
  const { bytes, pathStart, targetEnd } = exchange.asked;
  const found = findClientId(bytes, pathStart, targetEnd, place);
  if (found === ENCODED) return identifyDecoded(exchange, clients);
  if (found === TWICE) return "doubled";
  if (found === ABSENT) return "anonymous";
  const { start, end } = place;
  const slot = clients.findBytes(bytes, start, end);
  if (slot < 0) return "anonymous";
  exchange.identified(slot, start, end);
  return "client";
}

function identifyDecoded(exchange: Exchange, clients: ClientLookup): Identity {
  const id = clientIdOf(exchange.target);
  if (id === DOUBLED) return "doubled";
  const slot = id === null ? -1 : clients.find(id);
  if (slot < 0) return "anonymous";
  exchange.identified(slot, 0, 0, id);
  return "client";
}

/** Sets `address`: the log names it for every request, also for one that nobody identifies. */
export function locate(exchange: Exchange, trusted: CidrSet): void {
  const { peer } = exchange;
  const forwarded = exchange.trusted ? exchange.asked.fields.get("x-forwarded-for") : null;
  exchange.address = forwarded === null ? peer : walk(forwarded, peer, trusted);
}

/** Scratch: only whether the text is an address matters. */
const key: AddressKey = { hi: 0, lo: 0 };

/**
 * Right to left over X-Forwarded-For: each entry was written by the hop to its right, so the first
 * one that is no trusted proxy is the client. A malformed entry ends the walk at the hop before it,
 * because nothing left of it can be believed.
 */
function walk(forwarded: string, peer: string, trusted: CidrSet): string {
  let address = peer;
  let end = forwarded.length;
  while (end >= 0) {
    const comma = end === 0 ? -1 : forwarded.lastIndexOf(",", end - 1);
    const hop = normalizeAddress(forwarded.slice(comma + 1, end));
    if (!addressKey(hop, key)) return address;
    address = hop;
    if (!trusted.has(hop)) return address;
    end = comma;
  }
  return address;
}
