// The words both planes speak about changing backends. The service on the main thread implements
// `BackendsPort` against the database, the table and the health checks; the stand-in inside each
// worker asks the main thread. Looking needs no port: every thread reads the table.

import type { ControlResult } from "./control-result.ts";

export interface BackendLimits {
  /** 1 to 1000. */
  readonly weight: number;
  /** Most requests at a time over all workers, 1 to 1e6; null is no limit. */
  readonly max_in_flight: number | null;
}

/** Omitted: weight 1, no limit. */
export type NewBackend = Partial<BackendLimits> & { readonly url: string };

export interface BackendPatch extends Partial<BackendLimits> {
  /** True: no new requests; those in flight finish. */
  readonly draining?: boolean;
}

/** Every method settles with a value; a rejection is a bug. Values are ids of backends. */
export interface BackendsPort {
  add(backend: NewBackend): Promise<ControlResult<string>>;
  change(id: string, patch: BackendPatch): Promise<ControlResult<string>>;
  /** It gets no more requests; those in flight finish. */
  remove(id: string): Promise<ControlResult<null>>;
}
