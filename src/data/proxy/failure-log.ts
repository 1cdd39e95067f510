// What the log says of tries that failed at a backend: a word for each way, and a warning about the
// backend, at most one in ten seconds. Owned by one worker; nothing here is on the way of a request
// that succeeds.

import type { BackendFailure } from "../../shared/backend-table.ts";
import type { LineTurns } from "../../shared/line-turns.ts";
import type { Logger } from "../../shared/log.ts";
import type { Exchange } from "./exchange.ts";

/** As users know them: those that the metric `gateway_upstream_failures_total` has, it calls alike. */
export const FAILURE_WORDS: Readonly<Record<BackendFailure, string>> = {
  unconnected: "connect",
  reset: "reset",
  malformed: "malformed",
  timeout: "timeout",
};

export class FailureLog {
  readonly #log: Logger;
  readonly #turns: LineTurns;

  /** The turns are by slot. */
  constructor(log: Logger, turns: LineTurns) {
    this.#log = log;
    this.#turns = turns;
  }

  /**
   * The backend that the exchange has now failed it. Writes `upstream failed`:
   *
   * - `url`: the backend's origin.
   * - `failure`: `connect`, nothing could be sent to it; `reset`, the connection ended before the
   *   answer did; `malformed`, what came was no HTTP answer; `timeout`, none came in time.
   * - `error`, where anything is known: what was seen, by the code of the system or of TLS if there
   *   is one, as `ECONNREFUSED`. Never anything of the request.
   * - `count`: how often it failed since its last such line, this time included, and whether or not
   *   another backend had an answer then.
   */
  tell({ backend, backendUrl }: Exchange, failure: BackendFailure, error: string): void {
    const count = this.#turns.take(backend);
    if (count === 0) return;
    const word = FAILURE_WORDS[failure];
    const seen = error === "" ? undefined : error;
    this.#log.warn("upstream failed", { url: backendUrl, failure: word, error: seen, count });
  }
}
