// Where the fields of a registered client's slot lie. One slot is 64 bytes, a cache line on x86-64
// and most arm64 cores, so that two clients never slow each other down by sharing a line (false
// sharing) and a take touches exactly one line. Little-endian, as all supported processors are.
//
// byte  type  field     unit                     written by              read by
//  0    u64   word      see below                any thread, CAS only    any thread
//  8    f64   capacity  tokens, parameter set 0  writer                  any thread
// 16    f64   rate      tokens/s, set 0          writer                  any thread
// 24    f64   capacity  tokens, set 1            writer                  any thread
// 32    f64   rate      tokens/s, set 1          writer                  any thread
// 40    i32   exponents log2 of ns, 8 bits each  writer                  any thread
// 44    u32   id        block << 7 | length - 1  writer                  any thread
// 48    u32   admitted  requests, wraps          any thread, atomic add  any thread
// 52    u32   rejected  requests, wraps          any thread, atomic add  any thread
// 56    i32   last seen s since start + 1, 0: no any thread              any thread
// 60    i32   fence     always 0                 any thread, adds 0      nobody
//
// The word, from its highest bit: 4 bits generation, 1 bit live, 59 bits TAT in units of the limit
// (gcra.ts). Memory that was never used is all zeros and so not live. The writer alone changes
// generation and live, and each of its changes adds one to the generation, whose lowest bit names
// the parameter set in force. The writer fills the other set first and switches with the word; a
// take that decided by the old set then fails its CAS. The TAT only grows within a generation.
// 59 bits of nanoseconds last 18 years; what is promised is 9 years of uptime (2^58 ns).

export const SLOT_BYTES = 64;
export const SLOT_INTS = SLOT_BYTES / 4;
export const SLOT_DOUBLES = SLOT_BYTES / 8;

/** Int32 offsets in a slot. */
export const WORD_LOW = 0;
export const WORD_HIGH = 1;
export const EXPONENTS = 10;
export const ID_REF = 11;
export const ADMITTED_COUNT = 12;
export const REJECTED_COUNT = 13;
export const LAST_SEEN = 14;
export const FENCE = 15;

/** Float64 offsets in a slot; set 1 lies two doubles further. */
export const CAPACITY = 1;
export const RATE = 2;
export const SET_DOUBLES = 2;

/** Parts of the word's high half. */
export const GENERATION_SHIFT = 28;
export const LIVE = 1 << 27;
export const TAT_HIGH = LIVE - 1;
/** Generation and live bit together. */
export const STATE = ~TAT_HIGH;
export const TWO_32 = 2 ** 32;

/** Table header, one for all slots: Int32 offsets. Written by the writer unless noted. */
export const HEADER_BYTES = 64;
/** Clients in the table. */
export const SIZE = 0;
/** Slots below this number have been used at least once. */
export const HIGH_WATER = 1;
/** Takes that gave up against other takes; any thread adds. Expected to stay 0. */
export const GIVEN_UP = 2;
