// What clients use, answered on the main thread from the tables and the meter: it needs no database
// but to reset. The list of the busiest is made at most once a second, however many ask.

import type { BusyAddresses } from "../../shared/busy-addresses.ts";
import type { ClientTable } from "../../shared/client-table.ts";
import type { Client } from "../../shared/clients.ts";
import type { Clock } from "../../shared/clock.ts";
import type { ControlResult } from "../../shared/control-result.ts";
import { newTake, type Take } from "../../shared/gcra.ts";
import type {
  BusyAddress,
  BusyClient,
  Top,
  TopBy,
  TopQuery,
  Usage,
  UsagePort,
} from "../../shared/usage.ts";
import { MAX_TOP } from "./limits.ts";
import type { UsageMeter } from "./meter.ts";
import { topSlots } from "./top-slots.ts";

const FRESH_MS = 1000;
const SECOND = 1e9;
/** The last moment that a date-time can say: its years have four digits (RFC 3339 §5.6). */
const LAST_MOMENT = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

export interface UsageServiceOptions {
  readonly table: ClientTable;
  readonly meter: UsageMeter;
  readonly addresses: BusyAddresses;
  /** Fills the bucket in the database and the table. */
  readonly refill: (clientId: string) => Promise<ControlResult<Client>>;
  readonly clock: Clock;
}

export class UsageService implements UsagePort {
  readonly #options: UsageServiceOptions;
  readonly #take: Take = newTake();
  readonly #top = new Map<TopBy, { readonly madeAt: number; readonly top: Promise<Top> }>();

  constructor(options: UsageServiceOptions) {
    this.#options = options;
  }

  of(clientId: string): Promise<ControlResult<Usage>> {
    const { table, meter, clock } = this.#options;
    const slot = table.find(clientId);
    const now = clock();
    if (slot < 0 || !table.peek(slot, now, this.#take)) {
      return Promise.resolve({ ok: false, reason: "not_found" });
    }
    const { limit, remaining, resetAfter } = this.#take;
    const { since, lastSeen, minute, tenMinutes, ...counts } = meter.read(slot, now);
    const moments = momentsFrom(now);
    const value = {
      client_id: clientId,
      capacity: limit,
      rate_per_sec: table.ratePerSec(slot),
      current_tokens: remaining,
      full_at: resetAfter === 0 ? null : moments.at(now + resetAfter * SECOND),
      ...counts,
      since: moments.at(since),
      last_seen: moments.seen(lastSeen, since),
      rate_1m: minute,
      rate_10m: tenMinutes,
    };
    return Promise.resolve({ ok: true, value });
  }

  async reset(clientId: string): Promise<ControlResult<Client>> {
    const { table, meter, refill, clock } = this.#options;
    const refilled = await refill(clientId);
    if (!refilled.ok) return refilled;
    const slot = table.find(clientId);
    if (slot >= 0) {
      table.clearUsage(slot);
      meter.opened(slot, clock());
      this.#top.clear();
    }
    return refilled;
  }

  async top({ by, limit }: TopQuery): Promise<ControlResult<Top>> {
    const now = this.#options.clock();
    let made = this.#top.get(by);
    if (!made || now - made.madeAt > FRESH_MS * 1e6) {
      made = { madeAt: now, top: this.#makeTop(by) };
      this.#top.set(by, made);
    }
    const { clients, addresses } = await made.top;
    const value = { by, clients: clients.slice(0, limit), addresses: addresses.slice(0, limit) };
    return { ok: true, value };
  }

  async #makeTop(by: TopBy): Promise<Top> {
    const { table, meter, addresses, clock } = this.#options;
    const slots = await topSlots({
      slots: table.slots,
      count: MAX_TOP,
      totalOf: (slot) => meter.total(slot, by),
      accepts: (slot) => meter.total(slot, by) > 0 && table.peek(slot, 0, this.#take),
    });
    const now = clock();
    const moments = momentsFrom(now);
    const clients = slots.map((slot): BusyClient => {
      const { admitted, rejected, since, lastSeen, minute } = meter.read(slot, now);
      return {
        client_id: table.idOf(slot),
        admitted,
        rejected,
        since: moments.at(since),
        last_seen: moments.seen(lastSeen, since),
        rate_1m: minute,
      };
    });
    const busiest = addresses
      .all()
      .filter((use) => use[by] > 0)
      .sort((a, b) => b[by] - a[by] || (a.address < b.address ? -1 : 1))
      .slice(0, MAX_TOP)
      .map((use): BusyAddress => ({
        address: use.address,
        admitted: use.admitted,
        rejected: use.rejected,
        forgotten: use.forgotten,
        since: moments.at(use.since * SECOND),
        last_seen: moments.at(use.lastSeen * SECOND),
      }));
    return { by, clients, addresses: busiest };
  }
}

/** Turns moments of the process's clock into dates, given what it shows now. */
function momentsFrom(now: number) {
  const started = Date.now() - now / 1e6;
  const at = (nanoseconds: number): string =>
    new Date(Math.min(started + nanoseconds / 1e6, LAST_MOMENT)).toISOString();
  // Known to the second only, which may have begun before what is counted.
  const seen = (seconds: number, since: number): string | null =>
    seconds < 0 ? null : at(Math.max(seconds * SECOND, since));
  return { at, seen };
}
