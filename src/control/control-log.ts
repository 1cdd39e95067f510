// What the log says of control calls: who changed what, and who was refused. Looking on is not logged.
// No token, query or body reaches a line. One a worker; nothing is kept but what a request under
// way has to add.

import type { LineTurns } from "../shared/line-turns.ts";
import type { Logger } from "../shared/log.ts";
import { ACCESS_REASONS, type AccessReason } from "./access.ts";
import type { BulkReport } from "./clients/bulk.ts";

export interface ControlLogOptions {
  readonly log: Logger;
  /** Turns to say that access was refused. */
  readonly accessTurns: LineTurns;
  /** The address of the connection that a request came by; null when nobody knows. */
  readonly peerOf: (request: Request) => string | null;
}

const CHANGES = new Set(["POST", "PUT", "PATCH", "DELETE"]);
/** Asks by POST, and changes nothing. */
const ASKS = "/-/explain";

export class ControlLog {
  readonly #options: ControlLogOptions;
  readonly #log: Logger;
  readonly #uploads = new WeakMap<Request, BulkReport>();

  constructor(options: ControlLogOptions) {
    this.#options = options;
    this.#log = options.log.child("control");
  }

  /** How the upload that the request is went; for the line that `answered` writes. */
  uploaded(request: Request, report: BulkReport): void {
    this.#uploads.set(request, report);
  }

  /**
   * Writes `control change`, if that is what the request was and it succeeded. An upload that broke
   * off has a line as well, if it had changed something by then.
   *
   * - `address`: of the connection, never what a header says; null when it is gone.
   * - `method`, `path`: of the request, without its query. `status`: of the answer.
   * - `location`: path of what was made, after a POST that made something.
   * - `lines`, `created`, `changed`, `unchanged`, `refused`: of an upload of many clients, how many
   *   lines were dealt with and what became of them.
   */
  answered(request: Request, path: string, { status, headers }: Response): void {
    const { method } = request;
    if (!CHANGES.has(method) || path === ASKS) return;
    const upload = this.#uploads.get(request);
    const partly = upload !== undefined && upload.created + upload.changed > 0;
    if (status >= 300 && !partly) return;
    const address = this.#options.peerOf(request);
    const location = headers.get("location") ?? undefined;
    this.#log.info("control change", { address, method, path, status, location, ...count(upload) });
  }

  /**
   * Writes `control access refused`: the first at once, then one in ten seconds for each reason.
   *
   * - `address`, `method`, `path`, `status`: of this one request, as above.
   * - `reason`: `no_token` or `wrong_token` where ADMIN_TOKEN is set; else `address`, the peer is not
   *   in ADMIN_ALLOW; `host`, it names the gateway by neither an address nor localhost; or
   *   `foreign_page`, a page of another origin has sent it.
   * - `count`: refusals for this reason since its last such line, this one included.
   */
  refused(request: Request, path: string, status: number, reason: AccessReason): void {
    const { accessTurns, peerOf } = this.#options;
    const count = accessTurns.take(ACCESS_REASONS.indexOf(reason));
    if (count === 0) return;
    const { method } = request;
    const address = peerOf(request);
    this.#log.warn("control access refused", { address, method, path, status, reason, count });
  }
}

function count(upload: BulkReport | undefined): Partial<Omit<BulkReport, "errors">> {
  if (upload === undefined) return {};
  const { lines, created, changed, unchanged, refused } = upload;
  return { lines, created, changed, unchanged, refused };
}
