import { expect, test } from "bun:test";
import fc from "fast-check";
import { DescriptorTable, MOST_DESCRIPTORS } from "../../src/shared/descriptor-table.ts";

test("what a worker has open is found, once, whatever the others do", () => {
  const memory = DescriptorTable.reserve({ workers: 2 });
  const row = new DescriptorTable(memory, 0);
  const other = new DescriptorTable(memory, 1);
  const descriptor = fc.integer({ min: 0, max: MOST_DESCRIPTORS - 1 });
  fc.assert(
    fc.property(fc.array(descriptor), fc.array(descriptor), (opened, closed) => {
      const expected = new Set(opened);
      for (const fd of opened) expect(row.add(fd)).toBe(true);
      for (const fd of closed) {
        expected.delete(fd);
        row.remove(fd);
        other.add(fd);
      }
      // As the main thread sees it.
      const left = new DescriptorTable(memory, 0).takeAll();
      expect(left).toEqual([...expected].sort((a, b) => a - b));
      expect(row.takeAll()).toEqual([]);
      expect(new Set(other.takeAll())).toEqual(new Set(closed));
    }),
    { numRuns: 20 },
  );
});

test("a descriptor beyond the table has no place", () => {
  const row = new DescriptorTable(DescriptorTable.reserve({ workers: 1 }), 0);
  expect(row.add(MOST_DESCRIPTORS)).toBe(false);
  expect(row.takeAll()).toEqual([]);
});
