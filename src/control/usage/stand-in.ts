// The worker's side of the usage service: each method is a call to the main thread.

import type { Client } from "../../shared/clients.ts";
import type { ControlResult } from "../../shared/control-result.ts";
import type { Top, TopQuery, Usage, UsagePort } from "../../shared/usage.ts";
import type { ControlCalls } from "../calls.ts";

export class UsageStandIn implements UsagePort {
  readonly #calls: ControlCalls;

  constructor(calls: ControlCalls) {
    this.#calls = calls;
  }

  of(clientId: string): Promise<ControlResult<Usage>> {
    return this.#calls.ask("usage", "of", clientId);
  }

  reset(clientId: string): Promise<ControlResult<Client>> {
    return this.#calls.ask("usage", "reset", clientId);
  }

  top(query: TopQuery): Promise<ControlResult<Top>> {
    return this.#calls.ask("usage", "top", query);
  }
}
