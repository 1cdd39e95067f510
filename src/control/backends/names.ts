// Where the host names of backends lead, looked up again and again: a name that moves needs no
// restart. Connections to addresses that are gone are not used any more, and a name that leads to a
// link-local or metadata address gets no requests. Main thread only; writes the table.

import { familyOf } from "../../shared/address-text.ts";
import type { BackendTable, BackendView } from "../../shared/backend-table.ts";
import { hostOf, isLinkLocal, namesLinkLocal } from "../../shared/backend-url.ts";
import type { Logger } from "../../shared/log.ts";

/** All addresses of a name; rejects when there are none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

const LOOK_EVERY_MS = 10_000;
/** Bun connects to what it looked up in the last 30 s; who connected meanwhile must let go too. */
const DNS_CACHE_MS = 31_000;
/** A name server that is silent for longer does not hold up a control call. */
const ANSWER_MS = 3_000;

export interface NameWatchOptions {
  readonly table: BackendTable;
  readonly allowLinkLocal: boolean;
  readonly log: Logger;
  /** A backend was closed to requests for where its name leads, or is not any more. */
  readonly onJudged: () => void;
  readonly resolve?: Resolve;
  readonly cacheMs?: number;
}

export class NameWatch {
  readonly #options: NameWatchOptions;
  readonly #resolve: Resolve;
  readonly #log: Logger;
  /** Addresses at the last look, by URL. */
  readonly #known = new Map<string, ReadonlySet<string>>();
  readonly #renewals = new Set<ReturnType<typeof setTimeout>>();
  #timer: ReturnType<typeof setInterval> | null = null;
  #stopped = false;

  constructor(options: NameWatchOptions) {
    this.#options = options;
    this.#resolve = options.resolve ?? systemResolve;
    this.#log = options.log.child("load_balancer");
  }

  /** Whether a backend at this URL is refused. A name without an address may get one later. */
  async forbids(origin: string): Promise<boolean> {
    if (this.#options.allowLinkLocal) return false;
    const host = hostOf(origin);
    if (familyOf(host) !== 0) return namesLinkLocal(origin);
    return (await this.#addresses(host))?.some(isLinkLocal) ?? false;
  }

  /** Begins to watch the names that the table holds now. */
  sync(): void {
    this.#timer ??= setInterval(() => void this.look(), LOOK_EVERY_MS);
    void this.look();
  }

  /** One look at every name. */
  async look(): Promise<void> {
    const views = this.#options.table.snapshot();
    const urls = new Set(views.map((view) => view.url));
    for (const url of this.#known.keys()) if (!urls.has(url)) this.#known.delete(url);
    await Promise.all(views.map((view) => this.#lookAt(view)));
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer) clearInterval(this.#timer);
    for (const timer of this.#renewals) clearTimeout(timer);
  }

  async #lookAt({ slot, url }: BackendView): Promise<void> {
    const host = hostOf(url);
    if (familyOf(host) !== 0) return;
    const addresses = await this.#addresses(host);
    // A name server that is down changes nothing; the slot may belong to another backend by now.
    if (addresses === null || this.#stopped || this.#options.table.url(slot) !== url) return;
    this.#judge(slot, url, addresses);
    const before = this.#known.get(url);
    this.#known.set(url, new Set(addresses));
    const gone = [...(before ?? [])].some((address) => !addresses.includes(address));
    if (!gone) return;
    const moved = addresses.every((address) => !before!.has(address));
    const level = moved ? "info" : "debug";
    this.#log[level]("backend has moved", { url, addresses: addresses.join(" ") });
    this.#renew(slot, url);
  }

  #judge(slot: number, url: string, addresses: readonly string[]): void {
    const { table, allowLinkLocal } = this.#options;
    const forbidden = !allowLinkLocal && addresses.some(isLinkLocal);
    if (!table.setForbidden(slot, forbidden)) return;
    if (forbidden) this.#log.error("backend leads to a link-local or metadata address", { url });
    else this.#log.info("backend leads to an allowed address again", { url });
    this.#options.onJudged();
  }

  #renew(slot: number, url: string): void {
    const { table, cacheMs = DNS_CACHE_MS } = this.#options;
    table.renewConnections(slot);
    const timer = setTimeout(() => {
      this.#renewals.delete(timer);
      if (table.url(slot) === url) table.renewConnections(slot);
    }, cacheMs);
    this.#renewals.add(timer);
  }

  async #addresses(host: string): Promise<readonly string[] | null> {
    const late = Promise.withResolvers<null>();
    const timer = setTimeout(() => late.resolve(null), ANSWER_MS);
    try {
      return await Promise.race([this.#resolve(host), late.promise]);
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
    }
  }
}

async function systemResolve(host: string): Promise<readonly string[]> {
  // Most backends are addresses: loaded with the first name.
  const { lookup } = await import("node:dns/promises");
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
