// The dashboard's list of clients: found by the beginning of their id, ordered by id or by what
// they used, each with its live bucket. Buckets and totals come from shared memory; only the order
// by id asks the main thread, whose database has one.

import type { ClientsFailure, ClientsPort } from "../../shared/clients.ts";
import type { ClientTable } from "../../shared/client-table.ts";
import type { Clock } from "../../shared/clock.ts";
import { newTake } from "../../shared/gcra.ts";
import type { ClientOrder, ClientRow, ClientRows } from "./client-rows-model.ts";
import { topSlots } from "../usage/top-slots.ts";

/** How deep the orders by use can be paged: who is not among the first thousand is searched for. */
export const MAX_RANKED = 1000;

export interface ClientRowsQuery {
  /** Beginning of the id; empty for all. */
  readonly prefix: string;
  readonly order: ClientOrder;
  readonly limit: number;
  /** `next` of the page before, or null. */
  readonly after: string | null;
}

export interface ClientRowsOptions {
  readonly table: ClientTable;
  readonly clients: ClientsPort;
  readonly clock: Clock;
}

export class ClientRowsReader {
  readonly #table: ClientTable;
  readonly #clients: ClientsPort;
  readonly #clock: Clock;
  readonly #take = newTake();
  readonly #usage = { admitted: 0, rejected: 0, lastSeen: -1 };

  constructor({ table, clients, clock }: ClientRowsOptions) {
    this.#table = table;
    this.#clients = clients;
    this.#clock = clock;
  }

  /** The clients among `ids` that exist, in their order. */
  of(ids: readonly string[]): ClientRow[] {
    return ids.flatMap((id) => this.#row(id, this.#table.find(id)) ?? []);
  }

  async list(query: ClientRowsQuery): Promise<ClientRows | ClientsFailure> {
    return query.order === "id" ? await this.#byId(query) : await this.#byUse(query);
  }

  async #byId({ prefix, limit, after }: ClientRowsQuery): Promise<ClientRows | ClientsFailure> {
    // Ids with one beginning stand together, and the beginning itself, if it is one, before them.
    const exact = after === null && prefix !== "" ? this.of([prefix]) : [];
    const page = await this.#clients.list({
      limit: limit - exact.length + 1,
      after: after ?? (prefix === "" ? null : prefix),
    });
    if (!page.ok) return page;
    const ids = page.value.clients
      .map((client) => client.client_id)
      .filter((id) => id.startsWith(prefix));
    const shown = ids.slice(0, limit - exact.length);
    const clients = [...exact, ...this.of(shown)];
    return { clients, next: ids.length > shown.length ? (shown.at(-1) ?? prefix) : null };
  }

  async #byUse({ prefix, order, limit, after }: ClientRowsQuery): Promise<ClientRows> {
    const skipped = Math.min(Number(after ?? 0) || 0, MAX_RANKED);
    const field = order === "rejected" ? "rejected" : "admitted";
    const slots = await topSlots({
      slots: this.#table.slots,
      count: Math.min(skipped + limit + 1, MAX_RANKED),
      totalOf: (slot) => {
        this.#table.usage(slot, this.#usage);
        return this.#usage[field];
      },
      accepts: (slot) =>
        this.#table.peek(slot, 0, this.#take) && this.#table.idOf(slot).startsWith(prefix),
    });
    const shown = slots.slice(skipped, skipped + limit);
    const clients = shown.flatMap((slot) => this.#row(this.#table.idOf(slot), slot) ?? []);
    return { clients, next: slots.length > skipped + limit ? `${skipped + limit}` : null };
  }

  #row(clientId: string, slot: number): ClientRow | null {
    const now = this.#clock();
    if (slot < 0 || !this.#table.peek(slot, now, this.#take)) return null;
    this.#table.usage(slot, this.#usage);
    const { admitted, rejected, lastSeen } = this.#usage;
    return {
      client_id: clientId,
      capacity: this.#take.limit,
      rate_per_sec: this.#table.ratePerSec(slot),
      tokens: Math.round(this.#take.remaining * 100) / 100,
      admitted,
      rejected,
      idle: lastSeen < 0 ? null : Math.max(0, Math.floor(now / 1e9) - lastSeen),
    };
  }
}
