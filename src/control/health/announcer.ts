// What the log says about one backend: each change a line, unless it flaps. Writes nothing but the
// log; one a probe.

import type { BackendTable } from "../../shared/backend-table.ts";
import type { LogFields, Logger } from "../../shared/log.ts";
import { Damper } from "./damper.ts";

export class Announcer {
  readonly #url: string;
  readonly #table: BackendTable;
  readonly #log: Logger;
  readonly #damper = new Damper();

  constructor(url: string, table: BackendTable, log: Logger) {
    this.#url = url;
    this.#table = table;
    this.#log = log;
  }

  /** `better`: the backend gets requests again. `nowMs` monotonic. */
  change(message: string, better: boolean, fields: LogFields, nowMs: number): void {
    const telling = this.#damper.change(nowMs);
    if (telling === "count") return;
    const line = { url: this.#url, ...fields, ...this.#counts() };
    if (better) this.#log.info(message, line);
    else this.#log.warn(message, line);
    if (telling === "last") {
      this.#log.warn("backend is flapping, its changes are summed up each minute", {
        url: this.#url,
      });
    }
  }

  /** What a check found, after forwarding had shown that something is wrong. */
  explain(reason: string): void {
    this.#log.warn("backend fails its check", { url: this.#url, reason });
  }

  /** Says how much was left out, when it is time. Call with each check. */
  look(slot: number, nowMs: number): void {
    const summary = this.#damper.summary(nowMs);
    if (summary === null) return;
    const { changes, overMs, calm } = summary;
    this.#log.warn(calm ? "backend has calmed down" : "backend goes on flapping", {
      url: this.#url,
      changes,
      over_s: Math.round(overMs / 1000),
      open: this.#table.isOpen(slot),
      ...this.#counts(),
    });
  }

  #counts(): { healthy: number; backends: number } {
    const backends = this.#table.snapshot();
    const healthy = backends.filter((backend) => backend.healthy).length;
    return { healthy, backends: backends.length };
  }
}
