// Every limit and deadline of the HTTP/1.1 server, in one place.

import { HEAD_LIMITS, type HeadLimits } from "./request-head.ts";

export interface ServerLimits {
  readonly head: HeadLimits;
  /** Connections at once; 503 beyond. */
  readonly connections: number;
  /** Connections at once from one address; 429 beyond. */
  readonly connectionsPerAddress: number;
  /** Bytes of a connection kept unread (pipelined requests, a body nobody reads yet). */
  readonly buffered: number;
  /** Milliseconds from a head's first byte (or the connection's start) to its end; 408. */
  readonly headMs: number;
  /** Milliseconds between two exchanges of a connection. */
  readonly idleMs: number;
  /** Milliseconds without any byte of a body that is being waited for; 408. */
  readonly bodyIdleMs: number;
  /** Milliseconds of waiting after which a body has to have come at `bodyRate`; 408. */
  readonly bodyGraceMs: number;
  /** Bytes a second, averaged over the waiting beyond the grace. */
  readonly bodyRate: number;
  /** Milliseconds in which a reader has to take at least a byte of what waits for it. */
  readonly writeIdleMs: number;
  /** Milliseconds after which a client that ended its direction is asked whether it still reads. */
  readonly halfCloseMs: number;
  /** Milliseconds after which it is asked again. */
  readonly halfCloseAgainMs: number;
  /**
   * Milliseconds that a connection which left HTTP gets to end by itself in a drain, here or in the
   * process that passed it on.
   */
  readonly tunnelDrainMs: number;
  /** Milliseconds of reading and discarding after the last answer, so that it arrives. */
  readonly lingerMs: number;
}

export const SERVER_LIMITS: ServerLimits = {
  head: HEAD_LIMITS,
  connections: 65_536,
  connectionsPerAddress: 65_536,
  buffered: 65_536,
  headMs: 10_000,
  idleMs: 75_000,
  bodyIdleMs: 10_000,
  bodyGraceMs: 30_000,
  bodyRate: 500,
  writeIdleMs: 30_000,
  halfCloseMs: 1000,
  halfCloseAgainMs: 5000,
  tunnelDrainMs: 5000,
  lingerMs: 5000,
};
