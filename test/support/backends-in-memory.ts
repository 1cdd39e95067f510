// A second, plain implementation of the backends port: straight to a real table, no database, no
// checks. It lets the HTTP side be tested; `fail` makes the next calls fail in a chosen way.

import { backendId } from "../../src/shared/backend-id.ts";
import type { BackendPatch, BackendsPort, NewBackend } from "../../src/shared/backends.ts";
import { type Backend, BackendTable } from "../../src/shared/backend-table.ts";
import type { ControlFailure, ControlResult } from "../../src/shared/control-result.ts";

export class BackendsInMemory implements BackendsPort {
  readonly table = new BackendTable(BackendTable.reserve({ workers: 1, fall: 3 }));
  readonly stored = new Map<string, Backend>();
  /** Answer of every call while set. */
  fail: ControlFailure | null = null;

  add({ url, weight = 1, max_in_flight = null }: NewBackend): Promise<ControlResult<string>> {
    const id = backendId(url);
    if (this.stored.has(id)) return this.#settle(id, { ok: false, reason: "exists" });
    return this.#set(id, { url, weight, maxInFlight: max_in_flight });
  }

  change(id: string, patch: BackendPatch): Promise<ControlResult<string>> {
    const before = this.stored.get(id);
    if (!before) return this.#settle(id, { ok: false, reason: "not_found" });
    const { max_in_flight: maxInFlight, ...rest } = patch;
    const limit = maxInFlight === undefined ? {} : { maxInFlight };
    return this.#set(id, { ...before, ...rest, ...limit });
  }

  remove(id: string): Promise<ControlResult<null>> {
    const found = this.stored.delete(id);
    this.table.setBackends([...this.stored.values()]);
    return this.#settle(null, found ? null : { ok: false, reason: "not_found" });
  }

  #set(id: string, backend: Backend): Promise<ControlResult<string>> {
    if (this.fail === null) this.stored.set(id, backend);
    this.table.setBackends([...this.stored.values()]);
    return this.#settle(id, null);
  }

  #settle<T>(value: T, failure: ControlFailure | null): Promise<ControlResult<T>> {
    return Promise.resolve(this.fail ?? failure ?? { ok: true, value });
  }
}
