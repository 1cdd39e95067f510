// Everyone in turn, by weight, in one order over all threads. The rotation itself is shared
// (rotation.ts); this draws from it until a slot may be taken.

import type { Balancer, PickView } from "./balancer.ts";

/** Draws that may hit slots which are not to be taken before one is looked for directly. */
const MAX_DRAWS = 16;

export class RoundRobin implements Balancer {
  readonly usesKey = false;

  pick(view: PickView): number {
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const slot = view.draw();
      if (slot === -1) return -1;
      if (view.mayTake(slot)) return slot;
    }
    for (const slot of view.slots) if (view.mayTake(slot)) return slot;
    return -1;
  }
}
