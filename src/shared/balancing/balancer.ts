// What every way of choosing a backend looks like from outside, and what it may look at. A balancer
// belongs to one thread; what all threads must agree on lies in shared memory, behind the view.

import { ConsistentHash } from "./consistent-hash.ts";
import { LeastConnections } from "./least-connections.ts";
import { RandomTwoChoices } from "./random-two-choices.ts";
import { RoundRobin } from "./round-robin.ts";

export const BALANCERS = [
  "round_robin",
  "least_connections",
  "random_two_choices",
  "consistent_hash",
] as const;
export type BalancerName = (typeof BALANCERS)[number];

/** The backends as one pick sees them. Entry i of the three lists is one backend. */
export interface PickView {
  /** Those that the main thread let in last; a worker may have barred one since. */
  readonly slots: readonly number[];
  /** Share of the traffic relative to the others, above 0; small while a backend starts slowly. */
  readonly weights: readonly number[];
  /** 32-bit hashes of the URLs: the same in every thread, process and run. */
  readonly hashes: readonly number[];
  /** Whether this request may go there: open, with room, and not tried before. */
  mayTake(slot: number): boolean;
  /** Requests in flight over all threads. */
  inFlight(slot: number): number;
  /** The next slot of the weighted rotation that all threads share; -1 while it is empty. */
  draw(): number;
}

export interface Balancer {
  /** Whether `key` matters; computing it for nothing is a cost. */
  readonly usesKey: boolean;
  /** A slot that may be taken, -1 when there is none. `key`: 32-bit hash of who is asking. */
  pick(view: PickView, key: number): number;
}

export function createBalancer(name: BalancerName): Balancer {
  switch (name) {
    case "round_robin":
      return new RoundRobin();
    case "least_connections":
      return new LeastConnections();
    case "random_two_choices":
      return new RandomTwoChoices();
    case "consistent_hash":
      return new ConsistentHash();
  }
}

/** 32 bits of whoever is asking, for `pick`. */
export function keyOf(text: string): number {
  return Bun.hash.xxHash32(text);
}
