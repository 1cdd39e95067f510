// Quantiles of what a histogram counted between two readings. Pure.

import { DURATION_BOUNDS, type Histogram } from "../../shared/metrics-table.ts";

/** Observations a bucket that were made after `before` and up to `after`. */
export function countedBetween(before: Histogram, after: Histogram): number[] {
  return after.buckets.map((count, bucket) => count - before.buckets[bucket]!);
}

/**
 * The `q`-quantile in seconds, `q` from 0 to 1: linear inside the bucket it falls into, as
 * Prometheus' histogram_quantile has it. The highest bound for what lies above it; NaN when nothing
 * was counted.
 */
export function quantile(counts: readonly number[], q: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return Number.NaN;
  const wanted = q * total;
  let below = 0;
  for (const [bucket, upper] of DURATION_BOUNDS.entries()) {
    const count = counts[bucket]!;
    if (count > 0 && below + count >= wanted) {
      const lower = bucket === 0 ? 0 : DURATION_BOUNDS[bucket - 1]!;
      return lower + (upper - lower) * ((wanted - below) / count);
    }
    below += count;
  }
  return DURATION_BOUNDS.at(-1)!;
}
