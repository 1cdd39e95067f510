// The samples of the last 15 minutes as the plots want them, column by column. Written by the
// connection alone. After a restart of the gateway the old samples stay: the gap between them and
// the new ones is what a person wants to see.

import { signal } from "@preact/signals";
import type { SampleRow } from "../control/dashboard/model.ts";

const KEPT_SECONDS = 900;
/** Further apart than this, two samples are not joined by a line. */
const GAP_SECONDS = 3;

let samples: SampleRow[] = [];

/** Grows with each change of the samples. */
export const revision = signal(0);
export const latest = signal<SampleRow | null>(null);

/** Adds what is newer than all there is, and what fills the time before. Times never repeat. */
export function addSamples(rows: readonly SampleRow[]): void {
  if (rows.length === 0) return;
  const byTime = new Map([...samples, ...rows].map((row) => [row[0], row]));
  const all = [...byTime.values()].sort((a, b) => a[0] - b[0]);
  const oldest = all.at(-1)![0] - KEPT_SECONDS;
  samples = all.filter(([at]) => at >= oldest);
  latest.value = samples.at(-1)!;
  revision.value++;
}

/** Seconds from the first sample to the last. */
export function covered(): number {
  return samples.length === 0 ? 0 : samples.at(-1)![0] - samples[0]![0];
}

/** Times, then one array for each column asked for; null where nothing is known. */
export function columns(wanted: readonly number[], seconds: number): (number | null)[][] {
  const from = (samples.at(-1)?.[0] ?? 0) - seconds;
  const result: (number | null)[][] = [[], ...wanted.map(() => [])];
  let last = Number.NaN;
  for (const row of samples) {
    if (row[0] < from) continue;
    if (row[0] - last > GAP_SECONDS) {
      result[0]!.push(last + 1);
      for (let at = 1; at < result.length; at++) result[at]!.push(null);
    }
    last = row[0];
    result[0]!.push(last);
    for (const [at, column] of wanted.entries()) result[at + 1]!.push(row[column] ?? null);
  }
  return result;
}
