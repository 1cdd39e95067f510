// Two backends at random by weight, of these the one with fewer requests in flight for its weight.
// Nearly as even as asking all of them, though it asks two, and threads do not run after each other
// to the same one: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE
// Transactions on Parallel and Distributed Systems 12 (2001).

import type { Balancer, PickView } from "./balancer.ts";
import { byWeight } from "./by-weight.ts";

/** Draws that may hit slots which are not to be taken before only the others are drawn from. */
const MAX_DRAWS = 8;

export class RandomTwoChoices implements Balancer {
  readonly usesKey = false;
  readonly #random: () => number;

  /** `random`: 0 to below 1. */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  pick(view: PickView): number {
    const one = this.#choose(view, -1);
    if (one < 0) return -1;
    const other = this.#choose(view, one);
    const best = other < 0 || load(view, one) <= load(view, other) ? one : other;
    return view.slots[best]!;
  }

  /** Index of one that may be taken, never `except`; -1 when there is none. */
  #choose(view: PickView, except: number): number {
    const { slots } = view;
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const i = this.#draw(view.weights);
      if (i !== except && i >= 0 && view.mayTake(slots[i]!)) return i;
    }
    return byWeight(view, except, this.#random);
  }

  /** An index by weight; -1 of no weights. */
  #draw(weights: readonly number[]): number {
    let total = 0;
    for (const weight of weights) total += weight;
    let at = this.#random() * total;
    for (let i = 0; i < weights.length - 1; i++) {
      at -= weights[i]!;
      if (at < 0) return i;
    }
    return weights.length - 1;
  }
}

function load(view: PickView, i: number): number {
  return view.inFlight(view.slots[i]!) / view.weights[i]!;
}
