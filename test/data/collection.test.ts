import { expect, test } from "bun:test";
import { Collection } from "../../src/data/collection.ts";

test("garbage is collected when enough connections have ended or enough bytes lie about, since the last time", () => {
  let collected = 0;
  const collection = new Collection(() => collected++);
  const after = (ended: number, piled: number): number => {
    collection.look({ ended, piled });
    return collected;
  };
  expect(after(8_191, 15_999_999)).toBe(0);
  expect(after(8_192, 15_999_999)).toBe(1);
  expect(after(16_383, 31_999_998)).toBe(1);
  expect(after(16_383, 31_999_999)).toBe(2);
  expect(after(24_574, 31_999_999)).toBe(2);
  expect(after(24_575, 31_999_999)).toBe(3);
});
