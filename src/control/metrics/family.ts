// A metric family and its samples, before they become text, and the usual ways to make one.

import type { CounterName } from "../../shared/metric-columns.ts";
import type { Histogram } from "../../shared/metrics-table.ts";
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
  /** Names of the samples' labels, but for a bucket's bound. None when left out. */
  readonly labels?: readonly string[];
  /** No samples: the family is left out. */
  readonly samples: (reading: Reading) => readonly Sample[];
}

export function single(value: number): Sample[] {
  return [{ value }];
}

/** Cumulative buckets, the sum in seconds and the count. */
export function histogramSamples({ bounds: uppers, buckets, sum }: Histogram): Sample[] {
  const bounds = [...uppers.map(String), "+Inf"];
  let below = 0;
  const samples: Sample[] = bounds.map((le, at) => {
    below += buckets[at]!;
    return { suffix: "_bucket", labels: { le }, value: below };
  });
  return [...samples, { suffix: "_sum", value: sum }, { suffix: "_count", value: below }];
}

export function counted(name: string, column: CounterName, help: string): Family {
  const samples = ({ metrics }: Reading): Sample[] => single(metrics.total(column));
  return { name, type: "counter", help, samples };
}

export function gauge(
  name: string,
  help: string,
  read: (reading: Reading) => number | null,
): Family {
  const samples = (reading: Reading): Sample[] => {
    const value = read(reading);
    return value === null ? [] : single(value);
  };
  return { name, type: "gauge", help, samples };
}

export function byLabel(
  { metrics }: Reading,
  label: string,
  columns: Readonly<Record<string, CounterName>>,
): Sample[] {
  return Object.entries(columns).map(([value, column]) => ({
    labels: { [label]: value },
    value: metrics.total(column),
  }));
}
