// The words both planes speak about what clients use. The service on the main thread implements
// `UsagePort` from the tables; the stand-in inside each worker asks it.

import type { Client } from "./clients.ts";
import type { ControlResult } from "./control-result.ts";

/** Requests a second, averaged over some time; see `UsageMeter` for how. */
export interface Rates {
  readonly admitted_per_sec: number;
  readonly rejected_per_sec: number;
}

/** What a client has used. Times are ISO 8601 in UTC. */
export interface Usage extends Client {
  /** When the bucket will be full if no more requests come; null when it is. */
  readonly full_at: string | null;
  /** Requests since `since`. */
  readonly admitted: number;
  readonly rejected: number;
  /** The counts start here: the client's registration, its last reset, or the gateway's start. */
  readonly since: string;
  /** To the second; null when there was none since the gateway started. */
  readonly last_seen: string | null;
  readonly rate_1m: Rates;
  readonly rate_10m: Rates;
}

/** Busy clients and addresses are ordered by the requests that were let through, or that were not. */
export type TopBy = "admitted" | "rejected";

export interface BusyClient {
  readonly client_id: string;
  readonly admitted: number;
  readonly rejected: number;
  readonly since: string;
  readonly last_seen: string | null;
  readonly rate_1m: Rates;
}

export interface BusyAddress {
  /** `192.0.2.1`, or `2001:db8:1:2::/64`: what shares one bucket. */
  readonly address: string;
  /** Requests since `since`. */
  readonly admitted: number;
  readonly rejected: number;
  /** Of its requests in the ten minutes before `since`, those that went uncounted, at most. */
  readonly forgotten: number;
  readonly since: string;
  readonly last_seen: string;
}

export interface Top {
  readonly by: TopBy;
  /** Highest first. */
  readonly clients: readonly BusyClient[];
  readonly addresses: readonly BusyAddress[];
}

export interface TopQuery {
  readonly by: TopBy;
  readonly limit: number;
}

/** Every method settles with a value; a rejection is a bug. */
export interface UsagePort {
  of(clientId: string): Promise<ControlResult<Usage>>;
  /** The bucket is full, stored so, and the counts are zero. */
  reset(clientId: string): Promise<ControlResult<Client>>;
  top(query: TopQuery): Promise<ControlResult<Top>>;
}
