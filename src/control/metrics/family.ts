// A metric family and its samples, before they become text.

import { DURATION_BOUNDS, type Histogram } from "../../shared/metrics-table.ts";
import type { Reading } from "./sources.ts";

export interface Sample {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** Appended to the family's name: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string;
}

export interface Family {
  /** With its unit, and `_total` for a counter, as Prometheus' naming practice has it. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary";
  readonly help: string;
  /** No samples: the family is left out. */
  readonly samples: (reading: Reading) => readonly Sample[];
}

export function single(value: number): Sample[] {
  return [{ value }];
}

/** Cumulative buckets, the sum in seconds and the count. */
export function histogramSamples({ buckets, sum }: Histogram): Sample[] {
  const bounds = [...DURATION_BOUNDS.map(String), "+Inf"];
  let below = 0;
  const samples: Sample[] = bounds.map((le, at) => {
    below += buckets[at]!;
    return { suffix: "_bucket", labels: { le }, value: below };
  });
  return [...samples, { suffix: "_sum", value: sum }, { suffix: "_count", value: below }];
}
