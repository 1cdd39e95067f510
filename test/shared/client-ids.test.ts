// The bytes of ids: what is freed is used again, by longer and by shorter ids, and no two overlap.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { SLOT_BYTES } from "../../src/shared/bucket-layout.ts";
import { ClientIds } from "../../src/shared/client-ids.ts";

const LONGEST = 128;

function newIds(slots: number) {
  const memory = ClientIds.reserve(slots);
  return { memory, ids: new ClientIds(memory, new SharedArrayBuffer(slots * SLOT_BYTES)) };
}

const idOf = (slot: number, length: number): string => `${slot}-`.padEnd(length, "x");

/** Gives every slot an id of that length; how many got it. */
function giveAll(ids: ClientIds, slots: number, length: number): number {
  let given = 0;
  for (let slot = 0; slot < slots; slot++) if (ids.give(slot, idOf(slot, length))) given++;
  return given;
}

test.each([[16], [40], [100]])("long ids fit where as many of %d characters were", (length) => {
  const { ids } = newIds(100);
  expect(giveAll(ids, 100, length)).toBe(100);
  expect(giveAll(ids, 100, LONGEST)).toBe(100);
  for (let slot = 0; slot < 100; slot++) expect(ids.textOf(slot)).toBe(idOf(slot, LONGEST));
});

test("short ids use the room of long ones, and lie close", () => {
  const { memory, ids } = newIds(10_000);
  giveAll(ids, 5000, LONGEST);
  const before = memory.byteLength;
  expect(giveAll(ids, 10_000, 16)).toBe(10_000);
  expect(memory.byteLength).toBe(before);
  const { memory: fresh, ids: short } = newIds(10_000);
  expect(giveAll(short, 10_000, 16)).toBe(10_000);
  // Grown by half at a time.
  expect(fresh.byteLength).toBeLessThan(1.6 * 10_000 * 16);
});

test("whatever came and went, every slot gets any id, and each is where it was put", () => {
  const slots = 12;
  const change = fc.tuple(fc.nat(slots - 1), fc.integer({ min: 4, max: LONGEST }));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 300 }), (changes) => {
      const { ids } = newIds(slots);
      const held = new Map<number, string>();
      for (const [i, [slot, length]] of changes.entries()) {
        const id = idOf(i, length);
        expect(ids.give(slot, id)).toBe(true);
        held.set(slot, id);
        for (const [other, text] of held) expect(ids.textOf(other)).toBe(text);
      }
    }),
  );
});
