// Watches one backend: checks it, waits, checks again, until it is stopped. Decides whether it is
// healthy, and whether it is ejected for the failures that workers counted; the only writer of both,
// apart from the one bar a worker may set when connections fail.
// Always holds: one check at a time; only changes are logged.

import type { BackendTable } from "../../shared/backend-table.ts";
import type { Logger } from "../../shared/log.ts";
import { Announcer } from "./announcer.ts";
import { check, type CheckResult } from "./check.ts";
import { ejected, type EjectionState, mayEject, NEVER_EJECTED } from "./ejection.ts";
import { SlowStart } from "./slow-start.ts";
import { eject, type HealthState, observe, UNKNOWN } from "./state.ts";

export interface HealthSettings {
  /** Path and query of the check, with its leading slash. */
  readonly path: string;
  /** From the start of one check to the start of the next, in ms; a tenth more or less each time. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly rise: number;
  readonly fall: number;
  /** Statuses of a successful check, both ends included. */
  readonly statusFrom: number;
  readonly statusTo: number;
}

export interface EjectionSettings {
  /** Of the first ejection, in ms. */
  readonly baseMs: number;
  /** 0: a returning backend has its whole weight at once. */
  readonly slowStartMs: number;
}

export interface ProbeOptions {
  readonly slot: number;
  readonly url: string;
  readonly table: BackendTable;
  readonly settings: HealthSettings;
  readonly ejection: EjectionSettings;
  /** Others carry traffic already, so even its first start is a slow one. */
  readonly newcomer: boolean;
  /** Its health changed: none may be open now, or an ejected one may work again. */
  readonly onFlip: () => void;
  readonly log: Logger;
}

/** Without it, gateways that start together would check together for ever. */
const JITTER = 0.1;

export class Probe {
  readonly url: string;
  readonly #options: ProbeOptions;
  readonly #stop = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  readonly #announcer: Announcer;
  readonly #slowStart: SlowStart;
  #state: HealthState = UNKNOWN;
  #ejection: EjectionState = NEVER_EJECTED;
  /** Workers saw that it is down, and no check has said yet in what way. */
  #unexplained = false;

  constructor(options: ProbeOptions) {
    const { url, slot, table, log, ejection } = options;
    this.url = url;
    this.#options = options;
    this.#announcer = new Announcer(url, table, log);
    this.#slowStart = new SlowStart(table, slot, ejection.slowStartMs);
    void this.#run();
  }

  /** Resolves with the first result, or when the probe is stopped before. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  /** A worker says that there is something to look at: repeated or late, it does no harm. */
  failed(nowMs: number): void {
    this.#completeUnhealthy(nowMs);
    this.#ejectOutlier(nowMs);
  }

  /** Takes requests again before its time, because no other backend is left. */
  rescue(nowMs: number): void {
    const { slot, table } = this.#options;
    if (!table.isEjected(slot) || !table.isHealthy(slot)) return;
    this.#readmit("no other backend is left", nowMs);
  }

  stop(): void {
    this.#stop.abort();
    this.#slowStart.stop();
    this.#first.resolve();
  }

  async #run(): Promise<void> {
    const { path, intervalMs, timeoutMs, statusFrom, statusTo } = this.#options.settings;
    const signal = this.#stop.signal;
    const accept = (status: number): boolean => status >= statusFrom && status <= statusTo;
    while (!signal.aborted) {
      const started = performance.now();
      const result = await check({ url: this.url + path, timeoutMs, accept, signal });
      if (signal.aborted) return;
      const ended = performance.now();
      this.#take(result, ended - started, ended);
      this.#first.resolve();
      const interval = intervalMs * (1 - JITTER + 2 * JITTER * Math.random());
      await pause(interval - (ended - started), signal);
    }
  }

  #take({ ok, detail }: CheckResult, durationMs: number, nowMs: number): void {
    const { slot, table, settings } = this.#options;
    this.failed(nowMs);
    const before = this.#state;
    const failures = ok ? 0 : table.connectionFailures(slot);
    const { state, flipped } = observe(before, ok, settings, failures);
    this.#state = state;
    const atMs = Date.now();
    const failedChecks = state.health === "healthy" ? state.streak : 0;
    table.recordCheck(slot, { atMs, ok, durationMs, detail }, failedChecks);
    const returns = before.health === "unhealthy" || this.#options.newcomer;
    if (flipped && ok && returns) this.#slowStart.begin();
    if (flipped) this.#flip(ok, atMs);
    const trialPassed = ok && table.isEjected(slot) && table.isHealthy(slot);
    if (trialPassed && nowMs >= this.#ejection.untilMs) this.#readmit(detail, nowMs);
    if (flipped) {
      const inARow = before.streak + 1;
      const why = ok ? { successes: inARow } : { failures: inARow + failures };
      this.#tellHealth({ reason: detail, ...why }, nowMs);
    }
    if (this.#unexplained && !ok) this.#announcer.explain(detail);
    this.#unexplained = false;
    this.#announcer.look(slot, nowMs);
  }

  #flip(healthy: boolean, atMs: number): void {
    const { slot, table, onFlip } = this.#options;
    if (!healthy) this.#slowStart.stop();
    table.setHealthy(slot, healthy, atMs);
    onFlip();
  }

  /** Completes what a worker began when its connection failures made the backend unhealthy. */
  #completeUnhealthy(nowMs: number): void {
    const { slot, table } = this.#options;
    if (this.#state.health !== "healthy" || table.isHealthy(slot)) return;
    const failures = table.connectionFailures(slot);
    this.#state = eject();
    this.#unexplained = true;
    this.#flip(false, Date.now());
    this.#tellHealth({ reason: "connections failed while forwarding", failures }, nowMs);
  }

  #ejectOutlier(nowMs: number): void {
    const { slot, table, ejection } = this.#options;
    if (!table.isOutlier(slot) || !table.isOpen(slot)) return;
    const views = table.snapshot();
    const others = views.filter((view) => view.ejectedUntilMs !== null).length;
    if (!mayEject(others, views.length)) return;
    if (!views.some((view) => view.open && view.slot !== slot)) return;
    this.#ejection = ejected(this.#ejection, nowMs, ejection.baseMs);
    const forMs = this.#ejection.untilMs - nowMs;
    this.#slowStart.stop();
    table.eject(slot, Date.now() + forMs);
    const rounded = Math.round(forMs);
    const fields = { reason: "failures in a row", for_ms: rounded, times: this.#ejection.times };
    this.#announcer.change("backend is ejected", false, fields, nowMs);
  }

  #readmit(reason: string, nowMs: number): void {
    const { slot, table } = this.#options;
    this.#slowStart.begin();
    table.readmit(slot);
    this.#announcer.change("backend is on trial", true, { reason }, nowMs);
  }

  #tellHealth(why: { reason: string; failures?: number; successes?: number }, nowMs: number): void {
    const healthy = this.#state.health === "healthy";
    const message = healthy ? "backend is healthy" : "backend is unhealthy";
    this.#announcer.change(message, healthy, why, nowMs);
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
