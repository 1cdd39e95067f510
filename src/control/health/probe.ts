// Watches one backend: checks it, waits, checks again, until it is stopped. The only writer of that
// backend's health, apart from the one swap a worker may make when connections fail.
// Always holds: one check at a time; only a change of health is logged.

import type { BackendTable } from "../../shared/backend-table.ts";
import type { Logger } from "../../shared/log.ts";
import { check, type CheckResult } from "./check.ts";
import { eject, type HealthState, observe, UNKNOWN } from "./state.ts";

export interface HealthSettings {
  /** Path and query of the check, with its leading slash. */
  readonly path: string;
  /** From the start of one check to the start of the next, in ms. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly rise: number;
  readonly fall: number;
}

export interface ProbeOptions {
  readonly slot: number;
  readonly url: string;
  readonly table: BackendTable;
  readonly settings: HealthSettings;
  readonly log: Logger;
}

export class Probe {
  readonly url: string;
  readonly #options: ProbeOptions;
  readonly #stop = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  #state: HealthState = UNKNOWN;

  constructor(options: ProbeOptions) {
    this.url = options.url;
    this.#options = options;
    void this.#run();
  }

  /** Resolves with the first result, or when the probe is stopped before. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  /** Completes what a worker began when its connection failures made the backend unhealthy. */
  ejected(): void {
    const { slot, table } = this.#options;
    if (this.#state.health !== "healthy" || table.isHealthy(slot)) return;
    const failures = table.connectionFailures(slot);
    this.#state = eject();
    table.setHealthy(slot, false, Date.now());
    this.#report({ reason: "connections failed while forwarding", failures });
  }

  stop(): void {
    this.#stop.abort();
    this.#first.resolve();
  }

  async #run(): Promise<void> {
    const { path, intervalMs, timeoutMs } = this.#options.settings;
    const signal = this.#stop.signal;
    while (!signal.aborted) {
      const started = performance.now();
      const result = await check({ url: this.url + path, timeoutMs, signal });
      if (signal.aborted) return;
      const durationMs = performance.now() - started;
      this.#take(result, durationMs);
      this.#first.resolve();
      await pause(intervalMs - durationMs, signal);
    }
  }

  #take({ ok, detail }: CheckResult, durationMs: number): void {
    const { slot, table, settings } = this.#options;
    this.ejected();
    const before = this.#state;
    const failures = ok ? 0 : table.connectionFailures(slot);
    const { state, flipped } = observe(before, ok, settings, failures);
    this.#state = state;
    const atMs = Date.now();
    const failedChecks = state.health === "healthy" ? state.streak : 0;
    table.recordCheck(slot, { atMs, ok, durationMs, detail }, failedChecks);
    if (!flipped) return;
    table.setHealthy(slot, ok, atMs);
    const inARow = before.streak + 1;
    this.#report({
      reason: detail,
      ...(ok ? { successes: inARow } : { failures: inARow + failures }),
    });
  }

  #report(why: { reason: string; failures?: number; successes?: number }): void {
    const { table, log } = this.#options;
    const healthy = this.#state.health === "healthy";
    const backends = table.snapshot();
    const fields = {
      url: this.url,
      ...why,
      healthy: backends.filter((backend) => backend.healthy).length,
      backends: backends.length,
    };
    if (healthy) log.info("backend is healthy", fields);
    else log.warn("backend is unhealthy", fields);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(done, Math.max(0, ms));
  function done(): void {
    clearTimeout(timer);
    signal.removeEventListener("abort", done);
    resolve();
  }
  signal.addEventListener("abort", done);
  return promise;
}
