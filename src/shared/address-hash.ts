// The anonymous table's hash: a seeded permutation of 64 bits (a Feistel network of four rounds), so
// different addresses never become equal and nothing of the address is lost. The seed is random
// for each process: nobody outside can choose addresses that meet in one set. Pure but for `out`.

import type { AddressKey } from "./address.ts";

/** Four random int32. */
export type HashSeed = ArrayLike<number>;

export function hashAddress(seed: HashSeed, key: AddressKey, out: AddressKey): void {
  let { hi, lo } = key;
  lo ^= scramble(hi ^ seed[0]!);
  hi ^= scramble(lo ^ seed[1]!);
  lo ^= scramble(hi ^ seed[2]!);
  hi ^= scramble(lo ^ seed[3]!);
  out.hi = hi;
  out.lo = lo;
}

/** The finalizer of MurmurHash3: every bit of x changes half of the bits of the result. */
function scramble(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
