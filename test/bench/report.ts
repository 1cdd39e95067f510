// The results: medians over the rounds, as a table for people and as JSON.

import type { Case } from "./cases.ts";
import type { Cpu } from "./process.ts";
import type { Load } from "./load.ts";

export interface Sample {
  readonly candidate: string;
  readonly test: Case;
  readonly load: Load;
  /** What the candidate used meanwhile. */
  readonly cpu: Cpu;
  readonly residentMb: number;
}

export interface Row {
  readonly case: string;
  readonly title: string;
  readonly candidate: string;
  readonly requestsPerSecond: number;
  readonly megabytesPerSecond: number;
  /** CPU of the candidate, all threads, µs a request. */
  readonly cpuMicros: number;
  /** Share of it spent in the kernel. */
  readonly kernelShare: number;
  /** Latency, ms. */
  readonly p50: number;
  readonly p99: number;
  readonly residentMb: number;
  /** Requests/s relative to nginx; null without it. */
  ofNginx: number | null;
  /** Answers that were not what the case expects; anything but 0 makes the row worthless. */
  readonly wrong: number;
}

export function summarize(samples: readonly Sample[]): Row[] {
  const groups = Map.groupBy(samples, ({ test, candidate }) => `${test.name}\n${candidate}`);
  const rows = [...groups.values()].map((group) => rowOf(group));
  for (const row of rows) {
    const nginx = rows.find((other) => other.case === row.case && other.candidate === "nginx");
    if (nginx) row.ofNginx = row.requestsPerSecond / nginx.requestsPerSecond;
  }
  return rows;
}

function rowOf(group: readonly Sample[]): Row {
  const { test, candidate } = group[0]!;
  const of = (read: (sample: Sample) => number): number => median(group.map(read));
  return {
    case: test.name,
    title: test.title,
    candidate,
    requestsPerSecond: of(({ load }) => load.requests / load.seconds),
    megabytesPerSecond: of(({ load }) => load.bytes / 1e6 / load.seconds),
    cpuMicros: of(({ cpu, load }) => cpu.total / 1e3 / load.requests),
    kernelShare: of(({ cpu }) => cpu.system / Math.max(1, cpu.user + cpu.system)),
    p50: of(({ load }) => load.p50),
    p99: of(({ load }) => load.p99),
    residentMb: of((sample) => sample.residentMb),
    ofNginx: null,
    wrong: group.reduce((sum, sample) => sum + wrongAnswers(sample), 0),
  };
}

function wrongAnswers({ test, load }: Sample): number {
  // The first requests of a limited client may still be admitted by some.
  const admitted = test.limited ? Math.max(0, load.requests - load.refused - 64) : load.refused;
  return admitted + load.broken;
}

export function median(values: readonly number[]): number {
  const ordered = values.toSorted((a, b) => a - b);
  const middle = ordered.length >> 1;
  return ordered.length % 2 === 1
    ? ordered[middle]!
    : (ordered[middle - 1]! + ordered[middle]!) / 2;
}

const COLUMNS = ["requests/s", "of nginx", "CPU µs", "p50 ms", "p99 ms", "RSS MB"];

export function table(rows: readonly Row[]): string {
  const width = Math.max(...rows.map((row) => row.candidate.length)) + 2;
  const lines: string[] = [];
  for (const [title, group] of Map.groupBy(rows, (row) => row.title)) {
    lines.push("", title.padEnd(width + 2) + COLUMNS.map((name) => name.padStart(11)).join(""));
    for (const row of group) {
      const cells = [
        row.requestsPerSecond.toFixed(row.requestsPerSecond < 1000 ? 1 : 0),
        row.ofNginx === null ? "" : `${row.ofNginx.toFixed(2)}×`,
        row.cpuMicros.toFixed(1),
        row.p50.toFixed(2),
        row.p99.toFixed(2),
        row.residentMb.toFixed(0),
      ];
      const wrong = row.wrong > 0 ? `  ${row.wrong} wrong answers` : "";
      const name = `  ${row.candidate.padEnd(width)}`;
      lines.push(name + cells.map((cell) => cell.padStart(11)).join("") + wrong);
    }
  }
  return lines.join("\n");
}
