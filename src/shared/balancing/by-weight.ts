// One backend at random by weight, of those that may be taken: for when drawing from all of them hit
// none, as beside a heavy one that is full. Looks at each of them once.

import type { PickView } from "./balancer.ts";

/** Its index, never `except`; -1 when there is none. `random`: 0 to below 1. */
export function byWeight(view: PickView, except: number, random: () => number): number {
  const { slots, weights } = view;
  let chosen = -1;
  let total = 0;
  for (let i = 0; i < slots.length; i++) {
    if (i === except || !view.mayTake(slots[i]!)) continue;
    total += weights[i]!;
    // Each replaces the choice by the chance of its share so far, so in the end each has its share.
    if (random() * total < weights[i]!) chosen = i;
  }
  return chosen;
}
