// Changing backends while they run: the database first, then the shared table and the health checks,
// then the answer. So an answer of success means that the change is stored and acts in every
// worker, one of failure that nothing changed. One change at a time.

import type { BackendConfig } from "../../config.ts";
import { backendId } from "../../shared/backend-id.ts";
import type { BackendPatch, BackendsPort, NewBackend } from "../../shared/backends.ts";
import type { Backend, BackendTable } from "../../shared/backend-table.ts";
import { MAX_BACKENDS, parseBackendUrl } from "../../shared/backend-url.ts";
import type { ControlFailure, ControlResult } from "../../shared/control-result.ts";
import type { Logger } from "../../shared/log.ts";
import { EXIT, StartError } from "../../shared/start-error.ts";
import type { Store } from "../db/store.ts";
import { LONGEST_WAIT_MS } from "../clients/turns.ts";
import { NOTHING_CHANGED, PERHAPS_CHANGED, StoreUnavailable } from "../db/unavailable.ts";
import type { HealthLoop } from "../health/loop.ts";
import { mergeBackends } from "./merge.ts";
import type { NameWatch } from "./names.ts";
import type { BackendRow, Changing } from "./repository.ts";

/** How long the answer to an addition waits for the first check, so that it tells the health. */
const FIRST_CHECK_MS = 1_500;
const RETRY_AFTER_MS = 1_000;

export interface BackendsOptions {
  readonly store: Pick<Store, "backends" | "changes">;
  readonly table: BackendTable;
  /** The configuration's list. */
  readonly seed: readonly BackendConfig[];
  readonly health: Pick<HealthLoop, "sync" | "firstRound">;
  readonly names: Pick<NameWatch, "forbids" | "sync">;
  readonly log: Logger;
}

export class BackendsService implements BackendsPort {
  readonly #options: BackendsOptions;
  readonly #log: Logger;
  #last: Promise<unknown> = Promise.resolve();
  #retry: ReturnType<typeof setTimeout> | null = null;
  #stopped = false;

  constructor(options: BackendsOptions) {
    this.#options = options;
    this.#log = options.log.child("load_balancer");
  }

  /** Fills the table, then follows other gateways. Rejects with `StartError`. */
  async start(): Promise<number> {
    const { store, table } = this.#options;
    try {
      await this.#reload();
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      const message = `The backends cannot be read from the database: ${error.message}.`;
      throw new StartError(EXIT.unavailable, message);
    }
    if (store.changes) store.changes.onBackends = () => this.#follow();
    return table.snapshot().length;
  }

  stop(): void {
    this.#stopped = true;
    if (this.#retry) clearTimeout(this.#retry);
  }

  /** What it waits for, a name and the first check, holds up no other change. */
  async add(backend: NewBackend): Promise<ControlResult<string>> {
    const asked = performance.now();
    const { url, weight = 1, max_in_flight = null } = backend;
    const parsed = parseBackendUrl(url);
    if (!parsed.ok) return invalidUrl(parsed.why);
    const { origin } = parsed;
    const forbidden = await this.#options.names.forbids(origin);
    const added = await this.#change<string>(async (rows) => {
      const present = mergeBackends(this.#options.seed, rows);
      if (present.some((backend) => backend.url === origin)) return { ok: false, reason: "exists" };
      if (present.length >= MAX_BACKENDS) return { ok: false, reason: "full" };
      if (forbidden) {
        return invalidUrl("it is a link-local or metadata address, or a name of one");
      }
      const limits = { weight, maxInFlight: max_in_flight ?? 0 };
      const row = { url: origin, added: true, removed: false, draining: false, ...limits };
      const added = await this.#options.store.backends.add(row, Date.now());
      if (!added) return { ok: false, reason: "exists" };
      await this.#reload();
      return this.#done("backend added", origin);
    }, asked);
    if (added.ok) {
      await Promise.race([this.#options.health.firstRound(), Bun.sleep(FIRST_CHECK_MS)]);
    }
    return added;
  }

  change(id: string, patch: BackendPatch): Promise<ControlResult<string>> {
    return this.#change(async (rows) => {
      const url = this.#urlOf(id, rows);
      if (url === null) return { ok: false, reason: "not_found" };
      const { weight, max_in_flight: max, draining } = patch;
      const columns = {
        ...(weight !== undefined && { weight }),
        ...(max !== undefined && { maxInFlight: max ?? 0 }),
        ...(draining !== undefined && { draining }),
      };
      const changed = await this.#options.store.backends.change(url, columns, this.#changing(url));
      if (!changed) return { ok: false, reason: "not_found" };
      await this.#reload();
      return this.#done("backend changed", url);
    });
  }

  remove(id: string): Promise<ControlResult<null>> {
    return this.#change(async (rows) => {
      const url = this.#urlOf(id, rows);
      if (url === null) return { ok: false, reason: "not_found" };
      const removed = await this.#options.store.backends.remove(url, this.#changing(url));
      if (!removed) return { ok: false, reason: "not_found" };
      await this.#reload();
      this.#log.info("backend removed", { url });
      return { ok: true, value: null };
    });
  }

  /** Changes take turns; each begins with what is stored, which another gateway may have changed. */
  #change<T>(
    change: (rows: readonly BackendRow[]) => Promise<ControlResult<T>>,
    asked = performance.now(),
  ): Promise<ControlResult<T>> {
    const result = this.#last.then(async () => {
      let detail = NOTHING_CHANGED;
      if (performance.now() - asked > LONGEST_WAIT_MS) return unavailable(detail);
      try {
        const rows = await this.#options.store.backends.all();
        detail = PERHAPS_CHANGED;
        return await change(rows);
      } catch (error) {
        // The write may have been committed before its connection broke.
        this.#follow();
        if (!(error instanceof StoreUnavailable)) throw error;
        return unavailable(detail);
      }
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  #changing(url: string): Changing {
    const configured = this.#options.seed.some((backend) => backend.url === url);
    return { configured, at: Date.now() };
  }

  async #reload(): Promise<void> {
    const { store, table, seed, health, names } = this.#options;
    const list = mergeBackends(seed, await store.backends.all());
    table.setBackends(list.slice(0, MAX_BACKENDS));
    names.sync();
    health.sync();
  }

  /** Takes over what is stored, in turn with the changes; tries until the database answers. */
  #follow(): void {
    if (!this.#stopped) this.#last = this.#last.then(() => this.#takeOver());
  }

  async #takeOver(): Promise<void> {
    if (this.#stopped) return;
    try {
      await this.#reload();
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) {
        this.#log.error("backends could not be read again", { error: String(error) });
        return;
      }
      if (this.#retry) clearTimeout(this.#retry);
      this.#retry = setTimeout(() => this.#follow(), RETRY_AFTER_MS);
    }
  }

  #urlOf(id: string, rows: readonly BackendRow[]): string | null {
    const present: readonly Backend[] = mergeBackends(this.#options.seed, rows);
    return present.find(({ url }) => backendId(url) === id)?.url ?? null;
  }

  #done(message: string, url: string): ControlResult<string> {
    const view = this.#options.table.snapshot().find((backend) => backend.url === url);
    this.#log.info(message, {
      url,
      weight: view?.weight,
      max_in_flight: view?.maxInFlight,
      draining: view?.draining,
    });
    return { ok: true, value: backendId(url) };
  }
}

function invalidUrl(message: string): ControlFailure {
  return { ok: false, reason: "invalid", fields: [{ field: "url", message }] };
}

function unavailable(detail: string): ControlFailure {
  return { ok: false, reason: "unavailable", detail };
}
