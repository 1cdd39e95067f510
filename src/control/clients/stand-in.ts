// The worker's side of the clients service: asks the main thread, which owns the database and is
// the only writer of the tables, and hands back its answer. By the time a reply arrives the shared
// tables already hold the change, so every worker enforces it before the HTTP answer is sent.

import type {
  ClientLimits,
  ClientPatch,
  Client,
  ClientPage,
  ClientsPort,
  ClientsResult,
  NewClient,
} from "../../shared/clients.ts";
import type { ClientsCall, ClientsOperation } from "../../shared/messages.ts";

/** A call that the main thread has not answered by then is given up as `unavailable` (503). */
const REPLY_TIMEOUT_MS = 15_000;

interface Pending {
  resolve(result: ClientsResult<never>): void;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class ClientsStandIn implements ClientsPort {
  readonly #pending = new Map<number, Pending>();
  readonly #post: (call: ClientsCall) => void;
  #lastCall = 0;

  constructor(post: (call: ClientsCall) => void) {
    this.#post = post;
  }

  create(client: NewClient): Promise<ClientsResult<Client>> {
    return this.#ask("create", client);
  }

  list(query: { limit: number; after: string | null }): Promise<ClientsResult<ClientPage>> {
    return this.#ask("list", query);
  }

  get(clientId: string): Promise<ClientsResult<Client>> {
    return this.#ask("get", clientId);
  }

  replace(clientId: string, limits: ClientLimits): Promise<ClientsResult<Client>> {
    return this.#ask("replace", clientId, limits);
  }

  update(clientId: string, patch: ClientPatch): Promise<ClientsResult<Client>> {
    return this.#ask("update", clientId, patch);
  }

  remove(clientId: string): Promise<ClientsResult<null>> {
    return this.#ask("remove", clientId);
  }

  /** The main thread's answer has arrived. A reply to a call given up before is dropped. */
  settle(call: number, result: ClientsResult<unknown>): void {
    const pending = this.#pending.get(call);
    if (!pending) return;
    this.#pending.delete(call);
    clearTimeout(pending.timer);
    pending.resolve(result as ClientsResult<never>);
  }

  #ask<T>(operation: ClientsOperation, ...args: unknown[]): Promise<ClientsResult<T>> {
    const call = ++this.#lastCall;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.settle(call, {
          ok: false,
          reason: "unavailable",
          detail: "The control plane did not answer in time.",
        });
      }, REPLY_TIMEOUT_MS);
      this.#pending.set(call, { resolve, timer });
      this.#post({ type: "clients-call", call, operation, args });
    });
  }
}
