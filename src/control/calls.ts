// The worker's end of the control channel: sends a call to the main thread, which owns the database
// and is the only writer of the tables, and hands back its answer. By the time a reply arrives the
// shared tables already hold the change, so every worker acts on it before the HTTP answer is sent.

import type { ControlResult } from "../shared/control-result.ts";
import type { ControlCall, ControlPorts } from "../shared/messages.ts";

/** A call that the main thread has not answered by then is given up as `unavailable` (503). */
const REPLY_TIMEOUT_MS = 15_000;

interface Pending {
  resolve(result: ControlResult<never>): void;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class ControlCalls {
  readonly #pending = new Map<number, Pending>();
  readonly #post: (call: ControlCall) => void;
  #lastCall = 0;

  constructor(post: (call: ControlCall) => void) {
    this.#post = post;
  }

  /** `args` are those of the port's method. */
  ask<Port extends keyof ControlPorts, T>(
    port: Port,
    operation: keyof ControlPorts[Port] & string,
    ...args: unknown[]
  ): Promise<ControlResult<T>> {
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
      this.#post({ type: "control-call", call, port, operation, args });
    });
  }

  /** The main thread's answer has arrived. A reply to a call given up before is dropped. */
  settle(call: number, result: ControlResult<unknown>): void {
    const pending = this.#pending.get(call);
    if (!pending) return;
    this.#pending.delete(call);
    clearTimeout(pending.timer);
    pending.resolve(result as ControlResult<never>);
  }
}
