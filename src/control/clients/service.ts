// Registered clients: the database first, then the shared tables, then the answer. So an answer of
// success means that the change is stored and acts in every worker, and an answer of failure that
// the tables did not change. Changes of one client happen one after the other.

import type {
  Client,
  ClientLimits,
  ClientPage,
  ClientPatch,
  ClientsFailure,
  ClientsPort,
  ClientsResult,
  NewClient,
  PutOutcome,
} from "../../shared/clients.ts";
import type { Logger } from "../../shared/log.ts";
import { EXIT, StartError } from "../../shared/start-error.ts";
import type { Store } from "../db/store.ts";
import { NOTHING_CHANGED, PERHAPS_CHANGED, StoreUnavailable } from "../db/unavailable.ts";
import { Follower } from "./follower.ts";
import { putMany, UNSOUND } from "./put-many.ts";
import { ClientRegistry, type RegistryOptions } from "./registry.ts";
import { isSound, tokensNow, type ClientRow, type ClientsRepository } from "./repository.ts";
import { LONGEST_WAIT_MS, Turns } from "./turns.ts";

/** Tries against other gateways that change the same client at the same moment. */
const ATTEMPTS = 5;

export interface ClientsOptions extends RegistryOptions {
  readonly store: Store;
  readonly log: Logger;
}

export class ClientsService implements ClientsPort {
  /** What the flush reads. */
  readonly registry: ClientRegistry;
  readonly #store: Store;
  readonly #repository: ClientsRepository;
  readonly #turns = new Turns();
  readonly #follower: Follower;
  readonly #log: Logger;

  constructor(options: ClientsOptions) {
    this.registry = new ClientRegistry(options);
    this.#store = options.store;
    this.#repository = options.store.clients;
    this.#log = options.log;
    this.#follower = new Follower({
      repository: this.#repository,
      registry: this.registry,
      turns: this.#turns,
      log: options.log,
    });
  }

  /**
   * Fills the tables from the database, then follows the changes of other gateways. Call once,
   * before the first request. Rejects with `StartError`. The number of clients.
   */
  async start(): Promise<number> {
    const restored = await this.#follower.restore().catch(refuseToStart);
    if (this.#store.changes) await this.#follower.follow(this.#store.changes);
    return restored;
  }

  async stop(): Promise<void> {
    await this.#store.changes?.stop();
    await this.#follower.stop();
  }

  create(client: NewClient): Promise<ClientsResult<Client>> {
    const { client_id, capacity, rate_per_sec, current_tokens = capacity } = client;
    return this.#change(client_id, async () => {
      if (current_tokens > capacity) return tooManyTokens(capacity);
      if (this.registry.full) return { ok: false, reason: "full" };
      const row = await this.#repository.insert(client_id, {
        capacity,
        ratePerSec: rate_per_sec,
        tokens: current_tokens,
        tokensSet: true,
        at: this.registry.wallNow(),
      });
      if (row === null) {
        // Another gateway's client, perhaps not in this one's tables yet.
        if (this.registry.versionOf(client_id) === 0) this.#follower.reread(client_id);
        return { ok: false, reason: "exists" };
      }
      // There was no such row: what the table may hold is of a database that was restored since.
      this.registry.drop(client_id);
      if (this.registry.apply(row) !== "full") return ok(asStored(row));
      await this.#repository.remove(client_id);
      return { ok: false, reason: "full" };
    });
  }

  replace(clientId: string, limits: ClientLimits): Promise<ClientsResult<Client>> {
    return this.update(clientId, limits);
  }

  update(clientId: string, patch: ClientPatch): Promise<ClientsResult<Client>> {
    return this.#update(clientId, () => patch);
  }

  /** The bucket is full again. */
  refill(clientId: string): Promise<ClientsResult<Client>> {
    return this.#update(clientId, ({ capacity }) => ({ current_tokens: capacity }));
  }

  #update(
    clientId: string,
    patchOf: (row: ClientRow) => ClientPatch,
  ): Promise<ClientsResult<Client>> {
    return this.#change(clientId, async () => {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const [row] = await this.#repository.find([clientId]);
        if (!row) {
          this.registry.drop(clientId);
          return { ok: false, reason: "not_found" };
        }
        // Another gateway may have changed it: what is left is a fraction of that capacity.
        if (this.registry.apply(row) === "unsound") {
          return { ok: false, reason: "invalid", fields: UNSOUND };
        }
        const result = await this.#tryUpdate(row, patchOf(row));
        if (result) return result;
      }
      return unavailable("The client is being changed by others all the time.");
    });
  }

  /** Null when the row changed meanwhile. */
  async #tryUpdate(row: ClientRow, patch: ClientPatch): Promise<ClientsResult<Client> | null> {
    const capacity = patch.capacity ?? row.capacity;
    const given = patch.current_tokens;
    if (given !== undefined && given > capacity) return tooManyTokens(capacity);
    const live = this.#show(row);
    const kept = (live.current_tokens / live.capacity) * capacity;
    const definition = {
      capacity,
      ratePerSec: patch.rate_per_sec ?? row.ratePerSec,
      tokens: given ?? Math.min(kept, capacity),
      tokensSet: given !== undefined,
      at: this.registry.wallNow(),
    };
    const updated = await this.#repository.update(row.clientId, row.version, definition);
    if (updated === null) return null;
    this.registry.apply(updated);
    // The row may hold fewer tokens, of another gateway's bucket.
    return ok(asStored({ ...updated, tokens: definition.tokens }));
  }

  remove(clientId: string): Promise<ClientsResult<null>> {
    return this.#change(clientId, async () => {
      const removed = await this.#repository.remove(clientId);
      this.registry.drop(clientId);
      return removed ? ok(null) : { ok: false, reason: "not_found" };
    });
  }

  async putMany(clients: readonly NewClient[]): Promise<ClientsResult<readonly PutOutcome[]>> {
    const ids = clients.map((client) => client.client_id);
    const asked = performance.now();
    const endTurns = await this.#turns.takeAll(ids);
    try {
      if (performance.now() - asked > LONGEST_WAIT_MS) return unavailable(NOTHING_CHANGED);
      return await putMany(clients, { repository: this.#repository, registry: this.registry });
    } catch (error) {
      const failure = this.#failure(error);
      for (const id of ids) this.#follower.reread(id);
      return failure;
    } finally {
      endTurns();
    }
  }

  /** From the tables alone, so it answers while the database is down. */
  get(clientId: string): Promise<ClientsResult<Client>> {
    const client = this.registry.client(clientId);
    return Promise.resolve(client ? ok(client) : { ok: false, reason: "not_found" });
  }

  async list(query: { limit: number; after: string | null }): Promise<ClientsResult<ClientPage>> {
    try {
      const rows = await this.#soundPage(query.after, query.limit + 1);
      const clients = rows.slice(0, query.limit).map((row) => this.#show(row));
      const next = rows.length > query.limit ? (clients.at(-1)?.client_id ?? null) : null;
      return ok({ clients, next });
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      return unavailable("The database cannot be reached. Try again later.");
    }
  }

  async #soundPage(after: string | null, limit: number): Promise<ClientRow[]> {
    const rows = await this.#repository.page(after, limit);
    const sound = rows.filter(isSound);
    if (sound.length === rows.length || rows.length < limit) return sound;
    const last = rows.at(-1)!.clientId;
    return [...sound, ...(await this.#soundPage(last, limit - sound.length))];
  }

  /** One change of one client at a time; a failed write is looked up again afterwards. */
  async #change<T>(
    clientId: string,
    change: () => Promise<ClientsResult<T>>,
  ): Promise<ClientsResult<T>> {
    const asked = performance.now();
    const endTurn = await this.#turns.take(clientId);
    try {
      if (performance.now() - asked > LONGEST_WAIT_MS) return unavailable(NOTHING_CHANGED);
      return await change();
    } catch (error) {
      const failure = this.#failure(error);
      // The connection may have broken after the commit, so the tables could be behind the row.
      this.#follower.reread(clientId);
      return failure;
    } finally {
      endTurn();
    }
  }

  #failure(error: unknown): ClientsFailure {
    if (!(error instanceof StoreUnavailable)) throw error;
    this.#log.debug("control call failed on the database", { reason: error.message });
    return unavailable(error.outcomeUnknown ? PERHAPS_CHANGED : NOTHING_CHANGED);
  }

  /** The row's definition with the live tokens; of a client that is not in the table, its row's. */
  #show(row: ClientRow): Client {
    const live = this.registry.client(row.clientId);
    return {
      client_id: row.clientId,
      capacity: row.capacity,
      rate_per_sec: row.ratePerSec,
      current_tokens: Math.min(
        live?.current_tokens ?? tokensNow(row, this.registry.wallNow()),
        row.capacity,
      ),
    };
  }
}

/** A damaged file, or a database that went away between its opening and now. */
function refuseToStart(error: unknown): never {
  if (!(error instanceof StoreUnavailable)) throw error;
  const message = `The clients cannot be read from the database: ${error.message}.`;
  throw new StartError(EXIT.unavailable, message);
}

/** The client at the moment of its change: tokens that were given come back exactly. */
function asStored(row: ClientRow): Client {
  const { clientId, capacity, ratePerSec, tokens } = row;
  return { client_id: clientId, capacity, rate_per_sec: ratePerSec, current_tokens: tokens };
}

function ok<T>(value: T): ClientsResult<T> {
  return { ok: true, value };
}

function unavailable(detail: string): ClientsFailure {
  return { ok: false, reason: "unavailable", detail };
}

function tooManyTokens(capacity: number): ClientsFailure {
  const message = `must be at most the capacity, ${capacity}`;
  return { ok: false, reason: "invalid", fields: [{ field: "current_tokens", message }] };
}
