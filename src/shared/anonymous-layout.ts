// Where the fields of the anonymous table lie, in cells of 8 bytes, all in one SharedArrayBuffer.
// Little-endian, as all supported processors are. Fresh memory is all zeros and needs no set-up.
//
// cell  type  field      unit, content              written by               read by
//  0    f64   capacity   tokens                     reserve                  every thread, once
//  1    f64   rate       tokens/s                   reserve                  every thread, once
//  2, 3 4 i32 seed       of the hash                reserve                  every thread, once
//  4    i32   threads    numbers given out          any thread, atomic add   any thread
//  8    i64   entries    ways in use                any thread, atomic add   metrics
//  9    i64   evictions  ways given to another key  any thread, atomic add   metrics
// 10    i64   overflows  takes from a shared bucket any thread, atomic add   metrics
// 11    i64   given up   takes, expected 0          any thread, atomic add   metrics
// then, for S sets of 8 ways (S a power of two, at least 2^14):
// 8 S   u64   keys       below                      any thread, CAS only     any thread
// 8 S   u64   words      below                      any thread, CAS only     any thread
//   S   u64   claims     below                      any thread, CAS only     any thread
//   S   u64   shared     TAT of the set's own        any thread, CAS only     any thread
//                        overflow bucket, in units
// The 8 keys of a set are one cache line of 64 bytes, and so are its 8 words.
//
// The hash turns an address key into 64 other bits, one to one: the low ones are the set, the other
// 50 the tag. So a tag within its set is the whole address, and there is room beside it:
//
// key     high 32: tag            low: 18 tag, 14 version
// word    high 32: 3 generation, 1 frozen, 28 TAT     low 32: TAT, in units of the limit (gcra.ts)
// claim   idle:    high 32: thread number    low: 31 count, 0. Together unique for ever.
//         active:  high 32: tag              low: 18 tag, 10 version, 3 way, 1
//
// An unused key reads as tag 0, version 0, with a full bucket: exactly what tag 0 is entitled to.

export const WAYS = 8;
export const MIN_SETS = 2 ** 14;
export const MAX_SETS = 2 ** 22;

export const CAPACITY = 0;
export const RATE = 1;
/** Int32 index. */
export const SEED = 4;
/** Int32 index. */
export const THREADS = 8;
export const ENTRIES = 8;
export const EVICTIONS = 9;
export const OVERFLOWS = 10;
export const GIVEN_UP = 11;
export const HEADER = 16;

/** Cells of one set: keys, words, claim, shared bucket. */
export const SET_CELLS = 2 * WAYS + 2;

export const VERSION = 2 ** 14 - 1;
export const TAG_SHIFT = 14;
/** A key's low half without its version. */
export const TAG_LOW = ~VERSION;

export const FROZEN = 1 << 28;
export const GENERATION_SHIFT = 29;
export const GENERATION = 7 << GENERATION_SHIFT;

export const ACTIVE = 1;
export const WAY_SHIFT = 1;
export const CLAIM_VERSION_SHIFT = 4;
export const CLAIM_VERSION = 2 ** 10 - 1;
