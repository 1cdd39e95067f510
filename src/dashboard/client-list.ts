// What the list of clients shows, and how it stays live: the buckets of the rows on the page each
// second, which clients those are every third. Nothing is asked for while nobody looks.

import { computed, effect, signal } from "@preact/signals";
import type { ClientOrder, ClientRow, ClientRows } from "../control/dashboard/client-rows-model.ts";
import { ask, link, Problem } from "./connection.ts";

const PAGE = 25;
const REFRESH_MS = 1000;
const LIST_EVERY = 3;

export const prefix = signal("");
export const order = signal<ClientOrder>("id");
/** `after` of each page from the first to the shown one. */
const pages = signal<readonly (string | null)[]>([null]);
export const page = computed(() => pages.value.length);

export const rows = signal<readonly ClientRow[]>([]);
export const next = signal<string | null>(null);
/** Why there is no list; empty while there is one. */
export const trouble = signal("");
export const loaded = signal(false);
/** Requests a second, by client. */
export const rates = signal<ReadonlyMap<string, { admitted: number; rejected: number }>>(new Map());
/** While a person is at a row, rows do not change places. */
export const held = signal(false);

let asked = 0;
let readAt = 0;

export function search(beginning: string): void {
  prefix.value = beginning;
  pages.value = [null];
}

export function orderBy(chosen: ClientOrder): void {
  order.value = chosen;
  pages.value = [null];
}

export function turn(forward: boolean): void {
  if (forward && next.peek() !== null) pages.value = [...pages.peek(), next.peek()];
  if (!forward && pages.peek().length > 1) pages.value = pages.peek().slice(0, -1);
}

/** Asks for the list at once: after a change, and when the question is another. */
export async function reload(): Promise<void> {
  const own = ++asked;
  const query = new URLSearchParams({ order: order.peek(), limit: `${PAGE}` });
  const after = pages.peek().at(-1);
  if (prefix.peek() !== "") query.set("prefix", prefix.peek());
  if (after) query.set("after", after);
  try {
    const list = await ask<ClientRows>("GET", `/-/dashboard/clients?${query.toString()}`);
    // An answer to an earlier question may come last.
    if (own !== asked) return;
    show(list.clients);
    next.value = list.next;
    trouble.value = "";
    loaded.value = true;
  } catch (error) {
    if (own === asked && error instanceof Problem && error.status !== 0) {
      trouble.value = error.message;
    }
  }
}

async function refresh(): Promise<void> {
  const ids = rows.peek().map((row) => row.client_id);
  if (ids.length === 0) return;
  const own = asked;
  try {
    const path = `/-/dashboard/buckets?ids=${encodeURIComponent(ids.join(","))}`;
    const { clients } = await ask<ClientRows>("GET", path);
    if (own === asked) show(clients);
  } catch {
    // The next second brings another.
  }
}

function show(fresh: readonly ClientRow[]): void {
  const now = performance.now();
  const seconds = (now - readAt) / 1000;
  readAt = now;
  const before = new Map(rows.peek().map((row) => [row.client_id, row]));
  // An answer that follows another at once says nothing about a second.
  if (seconds > 0.5) {
    rates.value = new Map(
      fresh.map((row) => {
        const old = before.get(row.client_id) ?? row;
        const rate = (field: "admitted" | "rejected"): number =>
          Math.max(0, row[field] - old[field]) / seconds;
        return [row.client_id, { admitted: rate("admitted"), rejected: rate("rejected") }];
      }),
    );
  }
  rows.value = fresh;
}

/** Keeps the list live until the returned function is called. */
export function follow(): () => void {
  let turns = 0;
  const timer = setInterval(() => {
    if (document.hidden || link.peek() !== "live") return;
    void (turns++ % LIST_EVERY === 0 && !held.peek() ? reload() : refresh());
  }, REFRESH_MS);
  const stop = effect(() => {
    void [prefix.value, order.value, pages.value];
    if (link.value === "live") void reload();
  });
  return () => {
    clearInterval(timer);
    stop();
  };
}
