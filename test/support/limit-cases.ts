// One table of cases that every limiter must answer alike. A case starts with a full bucket at the
// moment 0 unless `tokens` says otherwise (a limiter that can only start full skips those).

export interface LimitStep {
  /** Seconds since the start. */
  readonly now: number;
  /** Takes at this moment, all with the same outcome; the figures are those after the last. 1. */
  readonly times?: number;
  readonly limited: boolean;
  readonly remaining: number;
  /** Seconds until full. */
  readonly reset: number;
  /** Seconds until one whole token. */
  readonly retry: number;
}

export interface LimitCase {
  readonly name: string;
  readonly capacity: number;
  readonly ratePerSec: number;
  readonly tokens?: number;
  readonly steps: readonly LimitStep[];
}

const YEAR = 365 * 86_400;

export const LIMIT_CASES: readonly LimitCase[] = [
  {
    name: "a full bucket admits exactly its capacity, then one request a refilled token",
    capacity: 1000,
    ratePerSec: 50,
    steps: [
      { now: 0, limited: false, remaining: 999, reset: 0.02, retry: 0 },
      { now: 0, times: 999, limited: false, remaining: 0, reset: 20, retry: 0.02 },
      { now: 0, times: 50, limited: true, remaining: 0, reset: 20, retry: 0.02 },
      { now: 0.019, limited: true, remaining: 0.95, reset: 19.981, retry: 0.001 },
      { now: 0.02, limited: false, remaining: 0, reset: 20, retry: 0.02 },
      { now: 1.02, times: 50, limited: false, remaining: 0, reset: 20, retry: 0.02 },
    ],
  },
  {
    name: "50 tokens admit exactly 50",
    capacity: 100,
    ratePerSec: 5,
    tokens: 50,
    steps: [
      { now: 0, times: 50, limited: false, remaining: 0, reset: 20, retry: 0.2 },
      { now: 0, limited: true, remaining: 0, reset: 20, retry: 0.2 },
      { now: 0.2, limited: false, remaining: 0, reset: 20, retry: 0.2 },
    ],
  },
  {
    name: "no more than the capacity is ever saved up",
    capacity: 2,
    ratePerSec: 1,
    steps: [
      { now: YEAR, times: 2, limited: false, remaining: 0, reset: 2, retry: 1 },
      { now: YEAR, limited: true, remaining: 0, reset: 2, retry: 1 },
      { now: 2 * YEAR, times: 2, limited: false, remaining: 0, reset: 2, retry: 1 },
    ],
  },
  {
    name: "fractions of a token are kept",
    capacity: 10,
    ratePerSec: 4,
    tokens: 0.5,
    steps: [
      { now: 0, limited: true, remaining: 0.5, reset: 2.375, retry: 0.125 },
      { now: 0.25, limited: false, remaining: 0.5, reset: 2.375, retry: 0.125 },
      { now: 0.375, limited: false, remaining: 0, reset: 2.5, retry: 0.25 },
    ],
  },
  {
    name: "a capacity of one",
    capacity: 1,
    ratePerSec: 0.1,
    steps: [
      { now: 0, limited: false, remaining: 0, reset: 10, retry: 10 },
      { now: 9.5, limited: true, remaining: 0.95, reset: 0.5, retry: 0.5 },
      { now: 10, limited: false, remaining: 0, reset: 10, retry: 10 },
    ],
  },
  {
    name: "who looks with a clock behind the one of the take is told to wait for as much longer",
    capacity: 2,
    ratePerSec: 1,
    steps: [
      { now: 0.000025, times: 2, limited: false, remaining: 0, reset: 2, retry: 1 },
      { now: 0, limited: true, remaining: 0, reset: 2.000025, retry: 1.000025 },
      { now: 1.000025, limited: false, remaining: 0, reset: 2, retry: 1 },
    ],
  },
  {
    name: "a capacity with a fraction",
    capacity: 2.5,
    ratePerSec: 1,
    steps: [
      { now: 0, times: 2, limited: false, remaining: 0.5, reset: 2, retry: 0.5 },
      { now: 0, limited: true, remaining: 0.5, reset: 2, retry: 0.5 },
    ],
  },
  {
    name: "the largest and fastest bucket",
    capacity: 1e9,
    ratePerSec: 1e9,
    steps: [
      { now: 0, times: 1000, limited: false, remaining: 1e9 - 1000, reset: 1e-6, retry: 0 },
      { now: 1e-6, limited: false, remaining: 1e9 - 1, reset: 1e-9, retry: 0 },
    ],
  },
  {
    name: "a bucket that takes 31,000 years to fill",
    capacity: 1e6,
    ratePerSec: 1e-6,
    steps: [
      { now: 0, limited: false, remaining: 999_999, reset: 1e6, retry: 0 },
      { now: 1e6, limited: false, remaining: 999_999, reset: 1e6, retry: 0 },
    ],
  },
];
