// GCRA arithmetic (generic cell rate algorithm, ITU-T I.371): a token bucket kept as one number, the
// theoretical arrival time (TAT), the moment at which the bucket is full again. Pure: no state, no
// clock. Every quantity is an integer number of units below 2^53, so float64 arithmetic is exact.
// A limit is never exceeded: whatever has to be rounded is rounded against the client.

/** Nanoseconds in a second. */
const SECOND = 1e9;
/** Integers up to here are exact in a float64. */
const EXACT = 2 ** 53;
/** Slower limits behave as this one: one token in 31 years. */
const MIN_RATE_PER_SEC = 1e-9;
/** Of two, by their exponents: looked up, as making one is a call of the engine. */
const POWERS = Float64Array.from({ length: 64 }, (_, exponent) => 2 ** exponent);

/** The bucket does not exist (any more). */
export const GONE = 0;
/** One token was taken. */
export const ADMITTED = 1;
/** There was no whole token; nothing was taken. */
export const LIMITED = 2;
export type TakeOutcome = typeof GONE | typeof ADMITTED | typeof LIMITED;

/**
 * A bucket as it is after a decision. A scratch object of its thread, rewritten by every take and
 * peek, so that nothing is allocated per request. Example: 100 tokens, 5 a second, 49.2 left.
 */
export interface Take {
  /** Capacity in tokens: 100. */
  limit: number;
  /** Tokens left, fractional, 0 to `limit`: 49.2. */
  remaining: number;
  /** Seconds until the bucket is full again: 10.16. */
  resetAfter: number;
  /** Seconds until one whole token is there, 0 when there is one: 0. */
  retryAfter: number;
  /** Seconds that a refill from empty to full takes, `capacity / rate`: 20. */
  window: number;
}

export function newTake(): Take {
  return { limit: 0, remaining: 0, resetAfter: 0, retryAfter: 0, window: 0 };
}

/**
 * A limit turned into integers. The unit is 2^exponent ns; the exponent is 0 unless a full refill
 * takes longer than 2^53 ns (104 days). `interval` is the time of one token, rounded up to a whole
 * unit. So the rate in force is exact when 1e9 / rate is a whole number (all of 1, 5, 50, 0.1 a
 * second), and otherwise lower by less than rate / 1e9 of itself: below 0.1 % up to 1e6 a second,
 * but 1.5e8 a second acts as 1.43e8 and 6e8 as 5e8. With an exponent above 0 the error is below
 * capacity / 2^52, at most 2.4e-7.
 */
export interface Limit {
  capacity: number;
  ratePerSec: number;
  exponent: number;
  /** Units that one token takes to come. Integer, 1 to 2^53. */
  interval: number;
  /** Units from empty to full. Integer, at most 2^53. */
  burst: number;
}

export function newLimit(capacity: number, ratePerSec: number): Limit {
  const limit: Limit = { capacity: 0, ratePerSec: 0, exponent: 0, interval: 0, burst: 0 };
  return loadLimit(limit, capacity, ratePerSec, exponentFor(capacity, ratePerSec));
}

/** Fills a scratch limit from what a table stores; `exponent` comes from `exponentFor`. */
export function loadLimit(
  limit: Limit,
  capacity: number,
  ratePerSec: number,
  exponent: number,
): Limit {
  limit.capacity = capacity;
  limit.ratePerSec = ratePerSec;
  limit.exponent = exponent;
  limit.interval = intervalOf(ratePerSec, exponent);
  limit.burst = Math.floor(capacity * limit.interval);
  return limit;
}

/** The smallest exponent with which a full refill stays below 2^53 units. 0 to 37. */
export function exponentFor(capacity: number, ratePerSec: number): number {
  let exponent = 0;
  while (capacity * intervalOf(ratePerSec, exponent) >= EXACT) exponent += 1;
  return exponent;
}

function intervalOf(ratePerSec: number, exponent: number): number {
  const nanoseconds = SECOND / (ratePerSec > MIN_RATE_PER_SEC ? ratePerSec : MIN_RATE_PER_SEC);
  return Math.ceil(nanoseconds / POWERS[exponent]!);
}

/** A moment (ns) in whole units of the limit. */
export function unitsOf(limit: Limit, now: number): number {
  return Math.floor(now / POWERS[limit.exponent]!);
}

/** How far the TAT lies ahead of now (units) in a bucket that holds `tokens`. 0 means full. */
export function aheadFor(limit: Limit, tokens: number): number {
  const whole = Math.floor(tokens);
  const held = whole * limit.interval + Math.floor((tokens - whole) * limit.interval);
  return Math.max(0, limit.burst - held);
}

/**
 * The same fraction of another limit: 50 of 100 tokens become 100 of 200, full stays full, empty
 * stays empty. Rounded up, so that no change invents a token. For the writer only: it allocates.
 */
export function rescale(ahead: number, from: Limit, to: Limit): number {
  if (ahead <= 0) return 0;
  if (ahead >= from.burst) return to.burst;
  const whole = BigInt(from.burst);
  return Number((BigInt(ahead) * BigInt(to.burst) + whole - 1n) / whole);
}

/** Describes a bucket whose TAT lies `ahead` units (integer, >= 0) after now. */
export function describe(limit: Limit, ahead: number, out: Take): void {
  const { interval, burst, exponent } = limit;
  // Below zero where a thread whose clock is a little ahead emptied the bucket: it takes that longer.
  const held = burst - ahead;
  const second = SECOND / POWERS[exponent]!;
  out.limit = limit.capacity;
  out.remaining = ahead === 0 ? limit.capacity : held > 0 ? held / interval : 0;
  out.resetAfter = ahead / second;
  out.retryAfter = held >= interval ? 0 : (interval - held) / second;
  out.window = limit.capacity / limit.ratePerSec;
}
