// Buckets in bytes: what was packed is found again, and bytes that were damaged are not believed.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { PackedBuckets, UnpackedBuckets } from "../../../src/control/clients/packed-buckets.ts";
import { ClientTable } from "../../../src/shared/client-table.ts";

interface Entry {
  readonly clientId: string;
  readonly version: number;
  readonly tokens: number;
}

const entry = fc.record({
  clientId: fc.stringMatching(/^[A-Za-z0-9._:@-]{1,128}$/),
  version: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  tokens: fc.double({ min: 0, max: 1e9, noNaN: true }),
});
const entries = fc.uniqueArray(entry, { maxLength: 20, selector: ({ clientId }) => clientId });

function pack(listed: readonly Entry[]): Uint8Array {
  const table = new ClientTable(ClientTable.reserve({ maxClients: 20 }));
  const packed = new PackedBuckets(20);
  for (const { clientId, version, tokens } of listed) {
    const slot = table.add(clientId, { capacity: 1, ratePerSec: 1 }, 1, 0);
    packed.add(table, slot, version, tokens);
  }
  expect(packed.entries).toBe(listed.length);
  return packed.bytes().slice();
}

function unpack(bytes: Uint8Array): (Entry & { slot: number })[] | null {
  const buckets = UnpackedBuckets.of(bytes);
  const found: (Entry & { slot: number })[] = [];
  while (buckets?.next()) {
    const { clientId, version, tokens, slot } = buckets;
    found.push({ clientId, version, tokens, slot });
  }
  return buckets && found;
}

test("what was packed is found again, wherever in memory the bytes lie", () => {
  fc.assert(
    fc.property(entries, fc.integer({ min: 0, max: 7 }), (listed, offset) => {
      const bytes = pack(listed);
      const moved = new Uint8Array(bytes.length + 8).subarray(offset, offset + bytes.length);
      moved.set(bytes);
      expect(unpack(moved)).toEqual(listed.map((one, slot) => ({ ...one, slot })));
    }),
  );
});

test("packing again starts from nothing", () => {
  const table = new ClientTable(ClientTable.reserve({ maxClients: 2 }));
  const packed = new PackedBuckets(2);
  const limit = { capacity: 1, ratePerSec: 1 };
  packed.add(table, table.add("first", limit, 1, 0), 1, 1);
  packed.clear();
  packed.add(table, table.add("second", limit, 1, 0), 2, 0.5);
  const expected = [{ clientId: "second", version: 2, tokens: 0.5, slot: 1 }];
  expect(unpack(packed.bytes())).toEqual(expected);
});

test("bytes that were changed, cut off or continued are not believed", () => {
  const damage = fc.oneof(
    fc.record({
      kind: fc.constant("changed"),
      at: fc.nat(),
      bits: fc.integer({ min: 1, max: 255 }),
    }),
    fc.record({ kind: fc.constant("cut off"), at: fc.nat(), bits: fc.constant(0) }),
    fc.record({ kind: fc.constant("continued"), at: fc.nat(50), bits: fc.nat(255) }),
  );
  fc.assert(
    fc.property(entries, damage, (listed, { kind, at, bits }) => {
      let bytes = pack(listed);
      if (kind === "changed") bytes[at % bytes.length]! ^= bits;
      else if (kind === "cut off") bytes = bytes.slice(0, at % bytes.length);
      else bytes = Buffer.concat([bytes, Buffer.alloc(at + 1, bits)]);
      expect(unpack(bytes)).toBeNull();
    }),
  );
});
