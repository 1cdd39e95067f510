// The worker's side of the backends service: each method is a call to the main thread.

import type { BackendPatch, BackendsPort, NewBackend } from "../../shared/backends.ts";
import type { ControlResult } from "../../shared/control-result.ts";
import type { ControlCalls } from "../calls.ts";

export class BackendsStandIn implements BackendsPort {
  readonly #calls: ControlCalls;

  constructor(calls: ControlCalls) {
    this.#calls = calls;
  }

  add(backend: NewBackend): Promise<ControlResult<string>> {
    return this.#calls.ask("backends", "add", backend);
  }

  change(id: string, patch: BackendPatch): Promise<ControlResult<string>> {
    return this.#calls.ask("backends", "change", id, patch);
  }

  remove(id: string): Promise<ControlResult<null>> {
    return this.#calls.ask("backends", "remove", id);
  }
}
