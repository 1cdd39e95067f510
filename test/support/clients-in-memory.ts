// A second, plain implementation of the clients port: a map, and buckets that never refill. It lets
// the HTTP side be tested without a database; `fail` makes the next calls fail in a chosen way.

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
} from "../../src/shared/clients.ts";

export class ClientsInMemory implements ClientsPort {
  readonly stored = new Map<string, Client>();
  /** Answer of every call while set. */
  fail: ClientsFailure | Error | null = null;

  create(client: NewClient) {
    return this.#settle<Client>(() => {
      if (this.stored.has(client.client_id)) return { ok: false, reason: "exists" };
      return this.#store({ ...client, current_tokens: client.current_tokens ?? client.capacity });
    });
  }

  list({ limit, after }: { limit: number; after: string | null }) {
    return this.#settle<ClientPage>(() => {
      const ids = [...this.stored.keys()].sort().filter((id) => after === null || id > after);
      const clients = ids.slice(0, limit).map((id) => this.stored.get(id)!);
      return {
        ok: true,
        value: { clients, next: ids.length > limit ? clients.at(-1)!.client_id : null },
      };
    });
  }

  get(clientId: string) {
    return this.#settle<Client>(() => {
      const client = this.stored.get(clientId);
      return client ? { ok: true, value: client } : { ok: false, reason: "not_found" };
    });
  }

  replace(clientId: string, limits: ClientLimits) {
    return this.update(clientId, limits);
  }

  update(clientId: string, patch: ClientPatch) {
    return this.#settle<Client>(() => {
      const old = this.stored.get(clientId);
      if (!old) return { ok: false, reason: "not_found" };
      const capacity = patch.capacity ?? old.capacity;
      const kept = (old.current_tokens / old.capacity) * capacity;
      return this.#store({ ...old, ...patch, current_tokens: patch.current_tokens ?? kept });
    });
  }

  remove(clientId: string) {
    return this.#settle<null>(() =>
      this.stored.delete(clientId) ? { ok: true, value: null } : { ok: false, reason: "not_found" },
    );
  }

  putMany(clients: readonly NewClient[]) {
    return this.#settle<readonly PutOutcome[]>(() => {
      const outcomes = clients.map((client): PutOutcome => {
        const existed = this.stored.has(client.client_id);
        const stored = this.#store({
          ...client,
          current_tokens: client.current_tokens ?? client.capacity,
        });
        if (!stored.ok) return { refused: stored.reason === "invalid" ? stored.fields : [] };
        return existed ? "changed" : "created";
      });
      return { ok: true, value: outcomes };
    });
  }

  #store(client: Client): ClientsResult<Client> {
    if (client.current_tokens > client.capacity) {
      const message = `must be at most capacity (${client.capacity})`;
      return { ok: false, reason: "invalid", fields: [{ field: "current_tokens", message }] };
    }
    this.stored.set(client.client_id, client);
    return { ok: true, value: client };
  }

  #settle<T>(act: () => ClientsResult<T>): Promise<ClientsResult<T>> {
    if (this.fail instanceof Error) return Promise.reject(this.fail);
    return Promise.resolve(this.fail ?? act());
  }
}
