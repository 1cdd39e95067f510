// Where the control calls of the workers arrive on the main thread. Open, it has them carried out.
// Closed, they wait, and closing waits for those under way: then nothing changes the database and
// the tables. Passing on, they go to the process that has taken over. Moves closed → open or
// closed → passing on.

import type { ControlResult } from "../../shared/control-result.ts";
import type { ControlCall, ToWorker } from "../../shared/messages.ts";
import type { PassedCall } from "./protocol.ts";

export type CarryOut = (call: ControlCall) => Promise<ToWorker>;
export type PassOn = (call: PassedCall) => Promise<ControlResult<unknown>>;

export class ControlDesk {
  readonly #carryOut: CarryOut;
  readonly #underWay = new Set<Promise<unknown>>();
  #closed: PromiseWithResolvers<void> | null = null;
  #passOn: PassOn | null = null;

  constructor(carryOut: CarryOut) {
    this.#carryOut = carryOut;
  }

  /** Never rejects. */
  async answer(call: ControlCall): Promise<ToWorker> {
    while (this.#closed) await this.#closed.promise;
    if (this.#passOn) return await this.#pass(call, this.#passOn);
    const answer = this.#carryOut(call);
    this.#underWay.add(answer);
    try {
      return await answer;
    } finally {
      this.#underWay.delete(answer);
    }
  }

  /** Resolves when none is under way. */
  async close(): Promise<void> {
    this.#closed ??= Promise.withResolvers();
    await Promise.allSettled(this.#underWay);
  }

  open(): void {
    this.#closed?.resolve();
    this.#closed = null;
  }

  passOn(pass: PassOn): void {
    this.#passOn = pass;
    this.open();
  }

  async #pass({ call, port, operation, args }: ControlCall, pass: PassOn): Promise<ToWorker> {
    try {
      const result = await pass({ port, operation, args });
      return { type: "control-reply", call, result };
    } catch {
      const detail =
        "This gateway is being replaced, and the next one did not answer; a change may or may not " +
        "have been made. Look before trying again.";
      return { type: "control-reply", call, result: { ok: false, reason: "unavailable", detail } };
    }
  }
}
