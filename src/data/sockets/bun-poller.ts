// Which of the process's epoll descriptors is that of this thread's Bun: the one that watches a socket of
// this thread. Linux tells in /proc what each of them watches.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** -1: not found. `watched` is a descriptor that Bun's loop of this thread waits for. */
export function findPoller(watched: number): number {
  const line = new RegExp(`^tfd:\\s+${watched}\\s`, "m");
  return Number(descriptors().find((fd) => line.test(watchedBy(fd))) ?? -1);
}

function descriptors(): string[] {
  try {
    return readdirSync("/proc/self/fd");
  } catch {
    return [];
  }
}

/** What an epoll descriptor watches; empty for any other. They come and go while they are listed. */
function watchedBy(fd: string): string {
  try {
    if (readlinkSync(`/proc/self/fd/${fd}`) !== "anon_inode:[eventpoll]") return "";
    return readFileSync(`/proc/self/fdinfo/${fd}`, "latin1");
  } catch {
    return "";
  }
}
