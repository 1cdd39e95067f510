// The worker's side of the clients service: each method is a call to the main thread.

import type {
  ClientLimits,
  ClientPatch,
  Client,
  ClientPage,
  ClientsPort,
  ClientsResult,
  NewClient,
  PutOutcome,
} from "../../shared/clients.ts";
import type { ControlCalls } from "../calls.ts";

export class ClientsStandIn implements ClientsPort {
  readonly #calls: ControlCalls;

  constructor(calls: ControlCalls) {
    this.#calls = calls;
  }

  create(client: NewClient): Promise<ClientsResult<Client>> {
    return this.#calls.ask("clients", "create", client);
  }

  list(query: { limit: number; after: string | null }): Promise<ClientsResult<ClientPage>> {
    return this.#calls.ask("clients", "list", query);
  }

  get(clientId: string): Promise<ClientsResult<Client>> {
    return this.#calls.ask("clients", "get", clientId);
  }

  replace(clientId: string, limits: ClientLimits): Promise<ClientsResult<Client>> {
    return this.#calls.ask("clients", "replace", clientId, limits);
  }

  update(clientId: string, patch: ClientPatch): Promise<ClientsResult<Client>> {
    return this.#calls.ask("clients", "update", clientId, patch);
  }

  remove(clientId: string): Promise<ClientsResult<null>> {
    return this.#calls.ask("clients", "remove", clientId);
  }

  putMany(clients: readonly NewClient[]): Promise<ClientsResult<readonly PutOutcome[]>> {
    return this.#calls.ask("clients", "putMany", clients);
  }
}
