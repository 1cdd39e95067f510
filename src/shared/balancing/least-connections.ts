// The backend with the fewest requests in flight for its weight, counted over all threads. Among
// equals it is the rotation's turn, so that quiet traffic goes round by weight instead of always
// to the first. Looks at every backend: with hundreds of them random_two_choices is cheaper.

import type { Balancer, PickView } from "./balancer.ts";

export class LeastConnections implements Balancer {
  readonly usesKey = false;

  pick(view: PickView): number {
    const { slots, weights } = view;
    const turn = Math.max(0, slots.indexOf(view.draw()));
    let best = -1;
    let least = Infinity;
    for (let step = 0; step < slots.length; step++) {
      const i = (turn + step) % slots.length;
      const slot = slots[i]!;
      if (!view.mayTake(slot)) continue;
      const load = view.inFlight(slot) / weights[i]!;
      if (load < least) {
        least = load;
        best = slot;
      }
    }
    return best;
  }
}
