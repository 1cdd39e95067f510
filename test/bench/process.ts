// The processes of a benchmark: started on a core of their own, looked at through /proc, ended by
// their id. `end()` of every one is called whatever happens; nothing outlives the run.

import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";

/** The candidate runs on one core; load and backends on the other. */
export const CANDIDATE_CORE = 0;
export const LOAD_CORE = 1;

export interface Cpu {
  /** Of all threads, ns on a core. */
  readonly total: number;
  /** Ticks of 10 ms, in user space and in the kernel. */
  readonly user: number;
  readonly system: number;
}

const pinning = Bun.which("taskset") !== null && navigator.hardwareConcurrency > 1;

export function pinned(core: number | null, command: readonly string[]): string[] {
  return pinning && core !== null ? ["taskset", "-c", String(core), ...command] : [...command];
}

export class Process {
  readonly #child: Bun.Subprocess<"ignore", "pipe" | "ignore", "pipe" | "ignore">;

  constructor(
    core: number | null,
    command: readonly string[],
    options: { env?: Record<string, string>; cwd?: string } = {},
  ) {
    this.#child = Bun.spawn(pinned(core, command), {
      env: { PATH: process.env["PATH"] ?? "", ...options.env },
      ...(options.cwd ? { cwd: options.cwd } : {}),
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when `url` answers 200. */
  async answers(url: string, { timeoutMs = 60_000, pollMs = 20 } = {}): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      if (!this.running) throw new Error(`process ended with ${this.#child.exitCode}`);
      try {
        const answer = await fetch(url, { keepalive: false });
        await answer.arrayBuffer();
        if (answer.status === 200) return;
      } catch {
        // Not listening yet.
      }
      await Bun.sleep(pollMs);
    }
    throw new Error(`${url} did not answer 200 within ${timeoutMs} ms`);
  }

  async end(): Promise<void> {
    if (!this.running) return;
    this.#child.kill("SIGTERM");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await this.#child.exited;
    clearTimeout(late);
  }
}

/** What a process has used since its start; a thread that has ended is missing. */
export function cpuOf(pid: number): Cpu {
  let total = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    total += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
  }
  // Fields 14 and 15; the name in field 2 may contain spaces.
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { total, user: Number(fields[11]), system: Number(fields[12]) };
}

/** Resident memory, MB (10^6 bytes). */
export function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return (Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) * 1024) / 1e6;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen(0, "127.0.0.1", resolve);
  await promise;
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}
