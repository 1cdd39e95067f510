// What the operating system says about this process. Linux tells some of it through /proc; where
// that is missing it is left out.

import { readdirSync, readFileSync } from "node:fs";

export interface ProcessUsage {
  /** User and system time of all threads, in seconds. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Null where the system does not tell. */
  readonly openDescriptors: number | null;
  readonly maxDescriptors: number | null;
  readonly virtualBytes: number | null;
}

export function processUsage(): ProcessUsage {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    openDescriptors: openDescriptors(),
    maxDescriptors: numberIn("/proc/self/limits", /^Max open files\s+(\d+)/m),
    virtualBytes: kilobytes(numberIn("/proc/self/status", /^VmSize:\s+(\d+) kB/m)),
  };
}

function openDescriptors(): number | null {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return null;
  }
}

function numberIn(file: string, pattern: RegExp): number | null {
  try {
    const found = pattern.exec(readFileSync(file, "utf8"));
    return found ? Number(found[1]) : null;
  } catch {
    return null;
  }
}

function kilobytes(count: number | null): number | null {
  return count === null ? null : count * 1024;
}
