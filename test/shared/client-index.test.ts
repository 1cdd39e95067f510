import { describe, expect, test } from "bun:test";
import { SLOT_BYTES } from "../../src/shared/bucket-layout.ts";
import { ClientIds } from "../../src/shared/client-ids.ts";
import { ClientIndex } from "../../src/shared/client-index.ts";

/** Two ids whose hashes are equal with the seed 1, found by trying some 10^5. */
const TWINS = ["n5pr8y.182", "juq1v1.730"] as const;

/** Ids that tell when two equal hashes made the index compare them. */
class WatchedIds extends ClientIds {
  onTwin: (() => void) | null = null;

  override equalsBytes(slot: number, bytes: Uint8Array, from: number, to: number): boolean {
    const equal = super.equalsBytes(slot, bytes, from, to);
    if (!equal) this.onTwin?.();
    return equal;
  }
}

function newIndex(maxClients: number, seed?: number) {
  const memory = ClientIndex.reserve(maxClients);
  const words = new Int32Array(memory);
  if (seed !== undefined) words[1] = seed;
  const slots = new SharedArrayBuffer(maxClients * SLOT_BYTES);
  const ids = new WatchedIds(ClientIds.reserve(maxClients), slots);
  const index = new ClientIndex(memory, ids);
  const insert = (slot: number, id: string) => {
    ids.give(slot, id);
    index.insert(id, slot);
  };
  /** Header word; changes with every rebuild. */
  const published = () => Atomics.load(words, 0);
  return { index, ids, insert, published, memory };
}

describe("the client index", () => {
  test("finds every client of many, and none that is not there", () => {
    const count = 50_000;
    const { index, insert } = newIndex(count);
    for (let i = 0; i < count; i++) insert(i, `client-${i}`);
    for (let i = 0; i < count; i++) {
      expect(index.find(`client-${i}`)).toBe(i);
      expect(index.find(`nobody-${i}`)).toBe(-1);
    }
  });

  test("finds an id among other bytes, and by nothing but all of it", () => {
    const { index, insert } = newIndex(3);
    insert(0, "a");
    insert(1, "client-1");
    const bytes = Buffer.from("?client_id=client-1&a=b");
    expect(index.findBytes(bytes, 11, 19)).toBe(1);
    expect(index.findBytes(bytes, 20, 21)).toBe(0);
    for (const [from, to] of [
      [11, 18],
      [12, 19],
      [11, 20],
      [11, 11],
      [0, bytes.length],
    ] as const) {
      expect(index.findBytes(bytes, from, to)).toBe(-1);
    }
    expect(index.findBytes(Buffer.alloc(200, "a"), 0, 200)).toBe(-1);
  });

  test("text that cannot be an id is not there", () => {
    const { index, insert } = newIndex(2);
    insert(0, "a");
    for (const id of ["", "\u0161", "a\u0100", "a".repeat(129)]) expect(index.find(id)).toBe(-1);
    expect(() => index.insert("\u0161", 1)).toThrow(RangeError);
  });

  test("never takes an id for another one of the same hash", () => {
    const { index, ids, insert } = newIndex(10, 1);
    let compared = 0;
    ids.onTwin = () => (compared += 1);
    insert(0, TWINS[0]);
    expect(index.find(TWINS[1])).toBe(-1);
    expect(compared).toBe(1);
    insert(1, TWINS[1]);
    expect([index.find(TWINS[0]), index.find(TWINS[1])]).toEqual([0, 1]);
    index.remove(TWINS[0], 0);
    expect([index.find(TWINS[0]), index.find(TWINS[1])]).toEqual([-1, 1]);
  });

  test("a reader that is overtaken by two rebuilds looks again instead of missing its client", () => {
    const { index, ids, insert, published, memory } = newIndex(10, 1);
    const reader = new ClientIndex(memory, ids);
    insert(0, TWINS[0]);
    insert(1, TWINS[1]);
    // In the middle of the search, past the cell of the other twin, the writer removes that one and
    // builds both areas anew; the client that is searched for then lies where the search has been.
    ids.onTwin = () => {
      ids.onTwin = null;
      index.remove(TWINS[0], 0);
      for (let i = 0, rebuilds = 0; rebuilds < 2; i++) {
        const before = published();
        insert(2, `passing-${i}`);
        index.remove(`passing-${i}`, 2);
        if (published() !== before) rebuilds += 1;
      }
    };
    expect(reader.find(TWINS[1])).toBe(1);
    expect(ids.onTwin).toBeNull();
  });

  test("ids that no client can have are not found", () => {
    const { index, insert } = newIndex(10);
    insert(0, "client");
    for (const id of ["", "x".repeat(129), "x".repeat(1e5), "client\u0100", "client ", "Client"]) {
      expect(index.find(id)).toBe(-1);
    }
  });

  test("every index has its own seed", () => {
    const seeds = Array.from({ length: 4 }, () => new Int32Array(newIndex(10).memory)[1]);
    expect(new Set(seeds).size).toBe(4);
  });
});
