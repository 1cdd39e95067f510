// Many clients at once, on the main thread: one look at the database, one transaction, then the
// tables. Under a turn on each of them, as every change; what another gateway changed meanwhile is
// looked at again.

import type { ClientsResult, FieldError, NewClient, PutOutcome } from "../../shared/clients.ts";
import { StoreUnavailable } from "../db/unavailable.ts";
import type { ClientRegistry } from "./registry.ts";
import {
  type ClientRow,
  type ClientsRepository,
  type ClientWrite,
  tokensNow,
} from "./repository.ts";

/** Rounds against other gateways that change the same clients at the same moment. */
const ROUNDS = 5;

/** Why a client cannot be changed whose row no gateway wrote. */
export const UNSOUND: readonly FieldError[] = [
  { field: "client_id", message: "is stored with values that cannot be used: remove it first" },
];

export interface PutManyParts {
  readonly repository: ClientsRepository;
  readonly registry: ClientRegistry;
}

/** Rejects with `StoreUnavailable`. */
export async function putMany(
  clients: readonly NewClient[],
  parts: PutManyParts,
): Promise<ClientsResult<readonly PutOutcome[]>> {
  const outcomes = new Map<string, PutOutcome>();
  try {
    return await putInRounds(clients, outcomes, parts);
  } catch (error) {
    // What an earlier round has written stays written.
    const wrote = [...outcomes.values()].some((outcome) => WRITTEN.has(outcome));
    if (!wrote || !(error instanceof StoreUnavailable)) throw error;
    const { message, sqlState, code } = error;
    throw new StoreUnavailable(message, { sqlState, code, outcomeUnknown: true });
  }
}

const WRITTEN: ReadonlySet<PutOutcome> = new Set<PutOutcome>(["created", "changed"]);

async function putInRounds(
  clients: readonly NewClient[],
  outcomes: Map<string, PutOutcome>,
  { repository, registry }: PutManyParts,
): Promise<ClientsResult<readonly PutOutcome[]>> {
  let left = clients;
  for (let round = 0; round < ROUNDS && left.length > 0; round++) {
    const rows = await rowsOf(left, repository);
    const plan = planFor(left, rows, registry);
    for (const [clientId, outcome] of plan.settled) outcomes.set(clientId, outcome);
    const written = plan.writes.length === 0 ? [] : await repository.putMany(plan.writes);
    for (const row of written) {
      outcomes.set(row.clientId, await takeOver(row, rows.has(row.clientId), repository, registry));
    }
    left = left.filter((client) => !outcomes.has(client.client_id));
  }
  const detail = "Some clients are being changed by others all the time.";
  if (left.length > 0) return { ok: false, reason: "unavailable", detail };
  return { ok: true, value: clients.map((client) => outcomes.get(client.client_id)!) };
}

async function rowsOf(
  clients: readonly NewClient[],
  repository: ClientsRepository,
): Promise<ReadonlyMap<string, ClientRow>> {
  const rows = await repository.find(clients.map((client) => client.client_id));
  return new Map(rows.map((row) => [row.clientId, row]));
}

interface Plan {
  readonly settled: ReadonlyMap<string, PutOutcome>;
  readonly writes: readonly ClientWrite[];
}

function planFor(
  clients: readonly NewClient[],
  rows: ReadonlyMap<string, ClientRow>,
  registry: ClientRegistry,
): Plan {
  const settled = new Map<string, PutOutcome>();
  const writes: ClientWrite[] = [];
  let room = registry.maxClients - registry.size;
  for (const client of clients) {
    const row = rows.get(client.client_id);
    if (!row) registry.drop(client.client_id);
    const unsound = row && registry.apply(row) === "unsound";
    const outcome = unsound ? { refused: UNSOUND } : outcomeWithout(client, row, room);
    if (outcome !== null) {
      settled.set(client.client_id, outcome);
      continue;
    }
    if (!row) room -= 1;
    writes.push(writeFor(client, row, registry));
  }
  return { settled, writes };
}

/** What comes of it without a write; null when there is one to do. */
function outcomeWithout(
  client: NewClient,
  row: ClientRow | undefined,
  room: number,
): PutOutcome | null {
  return row && isSame(client, row) ? "unchanged" : refusalOf(client, row, room);
}

function isSame(client: NewClient, row: ClientRow): boolean {
  return (
    client.current_tokens === undefined &&
    client.capacity === row.capacity &&
    client.rate_per_sec === row.ratePerSec
  );
}

function refusalOf(
  { capacity, current_tokens = 0 }: NewClient,
  row: ClientRow | undefined,
  room: number,
): PutOutcome | null {
  if (current_tokens > capacity) {
    const message = `must be at most the capacity, ${capacity}`;
    return { refused: [{ field: "current_tokens", message }] };
  }
  const message = "cannot be added: the gateway holds as many clients as it can";
  return row || room > 0 ? null : { refused: [{ field: "client_id", message }] };
}

function writeFor(
  client: NewClient,
  row: ClientRow | undefined,
  registry: ClientRegistry,
): ClientWrite {
  const { client_id, capacity, rate_per_sec, current_tokens } = client;
  const at = registry.wallNow();
  const held = registry.client(client_id)?.current_tokens ?? (row ? tokensNow(row, at) : 0);
  // As with a single change: a new client starts full, another keeps the fraction that is left.
  const kept = row ? Math.min((held / row.capacity) * capacity, capacity) : capacity;
  const definition = {
    capacity,
    ratePerSec: rate_per_sec,
    tokens: current_tokens ?? kept,
    tokensSet: current_tokens !== undefined || !row,
    at,
  };
  return { clientId: client_id, version: row?.version ?? null, definition };
}

async function takeOver(
  row: ClientRow,
  existed: boolean,
  repository: ClientsRepository,
  registry: ClientRegistry,
): Promise<PutOutcome> {
  if (registry.apply(row) !== "full") return existed ? "changed" : "created";
  await repository.remove(row.clientId);
  const message = "cannot be added: the gateway holds as many clients as it can";
  return { refused: [{ field: "client_id", message }] };
}
