// A set of slots does what a set of numbers does, in order.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { SlotSet } from "../../../src/control/clients/slot-set.ts";

function slotsOf(set: SlotSet): number[] {
  const slots: number[] = [];
  for (let slot = set.next(0); slot >= 0; slot = set.next(slot + 1)) slots.push(slot);
  return slots;
}

test("added, deleted, visited in order, copied: as a set of numbers", () => {
  const slot = fc.integer({ min: 0, max: 9_999 });
  const steps = fc.array(fc.tuple(fc.constantFrom("add", "delete"), slot), { maxLength: 400 });
  fc.assert(
    fc.property(steps, slot, (changes, from) => {
      const set = new SlotSet();
      const model = new Set<number>();
      for (const [change, at] of changes) {
        set[change](at);
        model[change](at);
      }
      const sorted = [...model].sort((a, b) => a - b);
      expect(slotsOf(set)).toEqual(sorted);
      expect(set.size).toBe(model.size);
      expect(set.next(from)).toBe(sorted.find((at) => at >= from) ?? -1);
      const copy = set.copy();
      for (const at of sorted) set.delete(at);
      expect(set.size).toBe(0);
      expect(slotsOf(copy)).toEqual(sorted);
    }),
  );
});

test("it may change while it is visited", () => {
  const set = new SlotSet();
  for (const slot of [0, 31, 32, 63, 64, 99]) set.add(slot);
  const visited: number[] = [];
  for (let slot = set.next(0); slot >= 0; slot = set.next(slot + 1)) {
    visited.push(slot);
    set.delete(slot);
    if (slot === 32) set.add(40);
  }
  expect(visited).toEqual([0, 31, 32, 40, 63, 64, 99]);
  expect(set.size).toBe(0);
});
