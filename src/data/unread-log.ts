// What the log says of what came and was no request that could be served: a debug line, one in ten
// seconds at most for each status, as anybody can send such things as fast as they like. Counted all
// the same, in the metric `gateway_unread_requests_total`. One a worker.

import type { LineTurns } from "../shared/line-turns.ts";
import type { Logger } from "../shared/log.ts";

export class UnreadLog {
  readonly #log: Logger;
  readonly #turns: LineTurns;

  constructor(log: Logger, turns: LineTurns) {
    this.#log = log;
    this.#turns = turns;
  }

  /**
   * Writes `request refused`:
   *
   * - `address`: of the connection.
   * - `status`: of the answer, 400 to 599. `reason`: what its detail says, in the server's own words;
   *   nothing of what came.
   * - `count`: refusals with this status since its last such line, this one included.
   */
  refused(status: number, reason: string, address: string): void {
    const count = this.#turns.take(status - FIRST_STATUS);
    if (count > 0) this.#log.debug("request refused", { address, status, reason, count });
  }
}

const FIRST_STATUS = 400;
