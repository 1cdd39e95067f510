// What the operating system says about this process. Linux tells descriptors through /proc; where
// that is missing they are left out.

import { readdirSync } from "node:fs";

export interface ProcessUsage {
  /** User and system time of all threads, in seconds. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Null where the system does not tell. */
  readonly openDescriptors: number | null;
}

export function processUsage(): ProcessUsage {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    openDescriptors: openDescriptors(),
  };
}

function openDescriptors(): number | null {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return null;
  }
}
