import { expect, test } from "bun:test";
import { Rotation, ROTATION_BYTES } from "../../src/shared/rotation.ts";
import { buildSchedule } from "../../src/shared/schedule.ts";

const newRotation = () => new Rotation(new SharedArrayBuffer(ROTATION_BYTES), 0);
const draw = (rotation: Rotation, times: number) =>
  Array.from({ length: times }, () => rotation.draw());

test("nothing published, or an empty cycle: -1", () => {
  const rotation = newRotation();
  expect(rotation.draw()).toBe(-1);
  rotation.publish([3]);
  rotation.publish([]);
  expect(rotation.draw()).toBe(-1);
});

test("the cycle is repeated without end", () => {
  const rotation = newRotation();
  rotation.publish([4, 2, 9]);
  expect(draw(rotation, 7)).toEqual([4, 2, 9, 4, 2, 9, 4]);
});

test("a new cycle goes on where the old one stood", () => {
  const rotation = newRotation();
  rotation.publish([0, 1, 2]);
  expect(draw(rotation, 1)).toEqual([0]);
  rotation.publish([0, 1, 2, 3]);
  expect(draw(rotation, 2)).toEqual([1, 2]);
  rotation.publish([0, 1, 2]);
  expect(draw(rotation, 2)).toEqual([0, 1]);
});

test("a member that was due and left is skipped", () => {
  const rotation = newRotation();
  rotation.publish([0, 1, 2]);
  expect(draw(rotation, 1)).toEqual([0]);
  rotation.publish([0, 2]);
  expect(draw(rotation, 3)).toEqual([2, 0, 2]);
});

test("the order survives the rewind of the cursor", () => {
  const rotation = newRotation();
  for (const length of [3, 5, 7]) {
    const cycle = Array.from({ length }, (_, i) => i);
    const start = 2 ** 30 - 10;
    rotation.publish(cycle, start);
    const expected = Array.from({ length: 30 }, (_, i) => (start + i) % length);
    expect(draw(rotation, 30)).toEqual(expected);
  }
});

test("the cursor is rewound long before 32 bits overflow", () => {
  const memory = new SharedArrayBuffer(ROTATION_BYTES);
  const rotation = new Rotation(memory, 0);
  rotation.publish([0, 1, 2], 2 ** 30);
  rotation.draw();
  expect(Math.max(...new Int32Array(memory))).toBeLessThan(2 ** 20);
});

test("a cursor that did overflow still draws members only", () => {
  const rotation = newRotation();
  rotation.publish([5, 6, 7], 2 ** 31 - 2);
  for (const slot of draw(rotation, 20)) expect([5, 6, 7]).toContain(slot);
});

test("draws while a cycle is being published go on in the one before", () => {
  const rotation = newRotation();
  rotation.publish([0, 1, 2]);
  const drawn: number[] = [];
  const next = new Proxy([7, 8, 9, 7], {
    get(cycle, key, receiver) {
      drawn.push(rotation.draw());
      return Reflect.get(cycle, key, receiver);
    },
  });
  rotation.publish(next);
  expect(drawn.length).toBeGreaterThan(4);
  expect(drawn).toEqual(drawn.map((_, i) => i % 3));
  expect(draw(rotation, 4)).toEqual([7, 8, 9, 7]);
});

test("many publications reuse the buffers without a trace of earlier cycles", () => {
  const rotation = newRotation();
  for (let i = 0; i < 40_000; i++) {
    const cycle = i % 2 === 0 ? [1, 2, 3, 4] : [8];
    rotation.publish(cycle);
    expect(cycle).toContain(rotation.draw());
  }
});

test("the same cycle once more changes nothing, wherever it stands", () => {
  const rotation = newRotation();
  const cycle = buildSchedule([5, 2, 1]);
  const drawn = Array.from({ length: 24 }, () => {
    rotation.publish(cycle);
    return rotation.draw();
  });
  expect(drawn).toEqual([...cycle, ...cycle, ...cycle]);
});

test("changes that keep coming leave a light member its turns", () => {
  const rotation = newRotation();
  const without = buildSchedule([19, 1]);
  const withAnother = buildSchedule([19, 1, 19]);
  const drawn = Array.from({ length: 400 }, (_, change) => {
    rotation.publish(change % 2 === 0 ? withAnother : without);
    return draw(rotation, 10);
  }).flat();
  // 4,000 draws, a 20th and a 39th of them in turn.
  const expected = 4_000 * ((1 / 20 + 1 / 39) / 2);
  const light = drawn.filter((slot) => slot === 1).length;
  expect(Math.abs(light - expected)).toBeLessThan(0.2 * expected);
});
