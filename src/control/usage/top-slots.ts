// The slots with the highest totals, found by walking over the table a piece at a time, so that a
// table of a million clients holds up no request of this worker for longer than a few tenths of a
// millisecond.

/** Slots looked at in one go: some 0.3 ms. */
const PIECE = 10_000;

export interface TopSlotsOptions {
  /** Slots are looked at from 0 up to here. */
  readonly slots: number;
  readonly count: number;
  readonly totalOf: (slot: number) => number;
  /** Asked only of slots that would be among the top. */
  readonly accepts: (slot: number) => boolean;
}

/** Highest first; of equal ones the lower slot. */
export async function topSlots(options: TopSlotsOptions): Promise<number[]> {
  const { slots, count, totalOf, accepts } = options;
  let found: { slot: number; total: number }[] = [];
  let threshold = -1;
  for (let slot = 0; slot < slots; slot++) {
    if (slot % PIECE === PIECE - 1) await new Promise<void>((resolve) => setImmediate(resolve));
    const total = totalOf(slot);
    if (total <= threshold || !accepts(slot)) continue;
    found.push({ slot, total });
    if (found.length < 2 * count) continue;
    found = best(found, count);
    threshold = found.at(-1)!.total;
  }
  return best(found, count).map(({ slot }) => slot);
}

function best<T extends { slot: number; total: number }>(found: T[], count: number): T[] {
  return found.sort((a, b) => b.total - a.total || a.slot - b.slot).slice(0, count);
}
