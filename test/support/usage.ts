// Usage ports for tests: one for those that are about something else, and the real service over
// tables of one process, with time in the test's hand.

import { UsageMeter } from "../../src/control/usage/meter.ts";
import { UsageService } from "../../src/control/usage/service.ts";
import { BusyAddresses } from "../../src/shared/busy-addresses.ts";
import { ClientTable } from "../../src/shared/client-table.ts";
import { newTake } from "../../src/shared/gcra.ts";
import type { UsagePort } from "../../src/shared/usage.ts";

const notFound = () => Promise.resolve({ ok: false, reason: "not_found" } as const);

export const noUsage: UsagePort = { of: notFound, reset: notFound, top: notFound };

export const SECOND = 1e9;

/** A service whose clock is `time.now`, in nanoseconds, and whose refill needs no database. */
export function testUsage(maxClients = 50_000) {
  const time = { now: 0 };
  const clock = () => time.now;
  const table = new ClientTable(ClientTable.reserve({ maxClients }));
  const meter = new UsageMeter({ table, clock });
  const memory = BusyAddresses.reserve({ workers: 2 });
  const addresses = new BusyAddresses(memory);
  const take = newTake();
  const limit = { capacity: 1e6, ratePerSec: 1 };
  const service = new UsageService({
    table,
    meter,
    addresses,
    clock,
    refill: (clientId) => {
      const slot = table.find(clientId);
      if (slot < 0) return notFound();
      table.change(slot, limit, limit.capacity, time.now);
      const value = { client_id: clientId, capacity: 1e6, rate_per_sec: 1, current_tokens: 1e6 };
      return Promise.resolve({ ok: true, value });
    },
  });
  return {
    time,
    table,
    meter,
    service,
    /** Counts as worker `worker` would. */
    worker: (worker: number) => new BusyAddresses(memory, worker),
    add(clientId: string, tokens = limit.capacity) {
      const slot = table.add(clientId, limit, tokens, time.now);
      meter.opened(slot, time.now);
      return slot;
    },
    requests(slot: number, count: number) {
      for (let i = 0; i < count; i++) table.take(slot, time.now, take);
    },
    /** Passes the time second by second, as the gateway's timer does, with `each` in every one. */
    pass(seconds: number, each: () => void = () => undefined) {
      for (let i = 0; i < seconds; i++) {
        each();
        time.now += SECOND;
        meter.tick(time.now);
      }
    },
  };
}
