// Addresses for tests of the anonymous table that need a crowd in one place: the hash is seeded, so
// neighbours have to be looked for.

import type { AddressKey } from "../../src/shared/address.ts";
import { hashAddress } from "../../src/shared/address-hash.ts";
import { HEADER, MIN_SETS, SEED, TAG_LOW, WAYS } from "../../src/shared/anonymous-layout.ts";
import type { AnonymousTableMemory } from "../../src/shared/anonymous-table.ts";

/** The `n`-th of any number of different addresses. */
export function address(n: number): AddressKey {
  return { hi: 0x2001_0db8, lo: n };
}

/** Different addresses that all live in one set of a table of the default size. */
export function neighbours({ cells }: AnonymousTableMemory, count: number): AddressKey[] {
  const found: AddressKey[] = [];
  const first = place({ cells }, address(0)).set;
  for (let n = 0; found.length < count; n++) {
    if (place({ cells }, address(n)).set === first) found.push(address(n));
  }
  return found;
}

/** Where an address of a table of the default size belongs, and its tag there. */
export function place(
  { cells }: AnonymousTableMemory,
  key: AddressKey,
): { set: number; firstKey: number; tag: AddressKey; tagLow: number } {
  const tag = { hi: 0, lo: 0 };
  hashAddress(new Int32Array(cells).slice(SEED, SEED + 4), key, tag);
  const set = tag.lo & (MIN_SETS - 1);
  return { set, firstKey: HEADER + set * WAYS, tag, tagLow: tag.lo & TAG_LOW };
}
