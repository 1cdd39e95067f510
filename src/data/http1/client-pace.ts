// How much time a client has for what comes next: a head, a body, reading its answer, leaving. One a
// connection, which is told when it is up. Always holds: while the gateway waits for a client, a
// deadline runs.

import { Deadline, type DeadlineOwner, type DeadlineWheel } from "./deadlines.ts";
import type { ServerLimits } from "./limits.ts";
import { Progress } from "./progress.ts";
import type { RequestBody } from "./request-body.ts";
import type { Wire } from "./wire.ts";

const CHECK_MS = 1000;

/** `slow` with its body, `stuck` on its answer; `silent`: it has ended its direction, and may be gone. */
export type Pace = "fine" | "slow" | "stuck" | "silent";

export class ClientPace {
  readonly #deadline: Deadline;
  readonly #wheel: DeadlineWheel;
  readonly #limits: ServerLimits;
  readonly #wire: Wire;
  readonly #body: RequestBody;
  readonly #progress: Progress;

  constructor(
    owner: DeadlineOwner,
    { deadlines, limits }: { deadlines: DeadlineWheel; limits: ServerLimits },
    wire: Wire,
    body: RequestBody,
  ) {
    this.#deadline = new Deadline(owner);
    this.#wheel = deadlines;
    this.#limits = limits;
    this.#wire = wire;
    this.#body = body;
    this.#progress = new Progress(limits);
  }

  /** A deadline runs. */
  get runs(): boolean {
    return this.#deadline.due !== Infinity;
  }

  forHead(): void {
    this.#set(this.#limits.headMs);
  }
  forNextRequest(): void {
    this.#set(this.#limits.idleMs);
  }
  /** It is drained, and gets a moment for a request that is on its way. */
  forLastRequest(): void {
    this.#set(this.#limits.halfCloseMs);
  }
  /** Bytes of it, or its taking of ours, are watched from now on; see `check`. */
  forBytes(): void {
    this.#progress.start(this.#body.taken, this.#wire.sent);
    this.#set(CHECK_MS);
  }
  /** As long as nothing can be asked of it. */
  forWaiting(): void {
    this.#set(CHECK_MS);
  }
  /** It has ended its direction. */
  forHalfClosed(): void {
    this.#progress.start(0, this.#wire.sent);
    this.#set(this.#limits.halfCloseMs);
  }
  /** It was asked whether it still reads. */
  forSignOfLife(): void {
    this.#set(this.#limits.halfCloseAgainMs);
  }
  forParting(): void {
    this.#progress.start(0, this.#wire.sent);
    this.#set(this.#limits.lingerMs);
  }
  forTunnelToEnd(): void {
    this.#set(this.#limits.tunnelDrainMs);
  }
  /** Its time does not run. */
  stop(): void {
    this.#wheel.clear(this.#deadline);
  }
  /** It is gone. */
  end(): void {
    this.#wheel.remove(this.#deadline);
  }

  /**
   * A second went by. `answering`: an answer has begun. `reading`: its body would be read on. When all
   * is fine, the time until the next check runs.
   */
  check(answering: boolean, reading: boolean): Pace {
    const { queued, sent, ended } = this.#wire;
    const { complete, taken, wanted } = this.#body;
    const writing = queued > 0;
    // Who reads an answer may have stopped sending because of it (RFC 9112 §9.5).
    const waiting = reading && wanted && !(answering && writing);
    if (ended && complete && !writing && !this.#progress.sentSince(sent)) return "silent";
    if (answering && waiting && this.#progress.sentSince(sent)) {
      this.forBytes();
      return "fine";
    }
    const late = this.#progress.check(CHECK_MS, waiting ? taken : -1, writing ? sent : -1);
    if (late !== null) return late === "read" ? "slow" : "stuck";
    if (waiting || writing || !complete) this.#set(CHECK_MS);
    else if (ended) this.#set(this.#limits.halfCloseMs);
    return "fine";
  }

  #set(delayMs: number): void {
    this.#wheel.set(this.#deadline, delayMs);
  }
}
