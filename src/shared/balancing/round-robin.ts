// Everyone in turn, by weight, in one order over all threads. The rotation itself is shared
// (rotation.ts); this draws from it until a slot may be taken.

import type { Balancer, PickView } from "./balancer.ts";
import { byWeight } from "./by-weight.ts";

/** Draws that may hit slots which are not to be taken before chance decides between the others. */
const MAX_DRAWS = 16;

export class RoundRobin implements Balancer {
  readonly usesKey = false;

  pick(view: PickView): number {
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const slot = view.draw();
      if (slot === -1) return -1;
      if (view.mayTake(slot)) return slot;
    }
    const chosen = byWeight(view, -1, Math.random);
    return chosen < 0 ? -1 : view.slots[chosen]!;
  }
}
