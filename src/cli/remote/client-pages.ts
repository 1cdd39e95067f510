// All registered clients of a running gateway, page by page in the order of their ids. What changes
// meanwhile is seen or not, but no client that stays is missed or comes twice.

import type { Client, ClientPage } from "../../shared/clients.ts";
import type { RunningGateway } from "./running-gateway.ts";

/** The most that the gateway gives at once. */
const PAGE = 1000;

export async function* clientPages(
  gateway: RunningGateway,
  { after = null, limit = Infinity }: { after?: string | null; limit?: number } = {},
): AsyncGenerator<readonly Client[]> {
  let left = limit;
  let next: string | null = after;
  do {
    const query = new URLSearchParams({ limit: String(Math.min(left, PAGE)) });
    if (next !== null) query.set("after", next);
    const { value } = await gateway.ask<ClientPage>("GET", `/clients?${query}`, {
      member: "next",
    });
    yield value.clients;
    left -= value.clients.length;
    next = value.next;
  } while (next !== null && left > 0);
}
