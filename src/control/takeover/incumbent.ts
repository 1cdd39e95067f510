// The side of the gateway that runs: lets the next process find it, stops deciding when that one asks,
// and gives up the port when that one serves. Always holds: at no moment do both processes take
// tokens; and unless the new one has said that it serves, its end brings this one back to work.

import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { HandoverTarget } from "../../shared/messages.ts";
import type { AnonymousState } from "../../shared/anonymous-transfer.ts";
import type { Logger } from "../../shared/log.ts";
import type { Store } from "../db/store.ts";
import type { Persistence } from "../persistence.ts";
import type { Supervisor } from "../supervisor.ts";
import { Channel } from "./channel.ts";
import type { ControlDesk } from "./control-desk.ts";
import type { Frozen, Presence } from "./protocol.ts";

/** Requests that arrive meanwhile wait, so each step has its limit, in milliseconds. */
const HOLD_MS = 2_000;
const CALLS_MS = 3_000;
const FLUSH_MS = 3_000;
/** A new process that has not opened by then does not get to. */
const OPEN_WITHIN_MS = 15_000;
const RELOCK_EVERY_MS = 100;
/** The buckets are written then, with the lock or without. */
const RELOCK_WITHIN_MS = 5_000;
const CALL_TIMEOUT_MS = 10_000;
const STOPS = "the gateway stops";

export interface IncumbentOptions {
  /** Path of the socket. May throw an `Error`. */
  readonly place: () => string;
  readonly present: () => Promise<Presence>;
  readonly supervisor: Supervisor;
  readonly desk: ControlDesk;
  readonly persistence: Persistence;
  readonly store: Pick<Store, "lock" | "unlock">;
  readonly anonymous: () => AnonymousState;
  readonly log: Logger;
}

export class Incumbent {
  /** Resolves when another process serves and this one has left the port. */
  readonly replaced: Promise<void>;
  readonly #replaced = Promise.withResolvers<void>();
  readonly #options: IncumbentOptions;
  readonly #log: Logger;
  #server: Server | null = null;
  /** Who may ask for more than `present`. */
  #successor: Socket | null = null;
  #state: "deciding" | "freezing" | "frozen" | "open" = "deciding";
  /** A stop was asked for while it was freezing. */
  #interrupted = false;
  #patience: ReturnType<typeof setTimeout> | null = null;
  #left: Promise<void> | null = null;

  constructor(options: IncumbentOptions) {
    this.#options = options;
    this.#log = options.log.child("takeover");
    this.replaced = this.#replaced.promise;
  }

  /** Another process serves. */
  get opened(): boolean {
    return this.#state === "open";
  }

  /** From here on the gateway can be replaced. Where it cannot be found, only the log says so. */
  start(): void {
    try {
      const path = this.#options.place();
      // Whoever left it is gone: port and database are ours.
      rmSync(path, { force: true });
      const server = createServer((socket) => this.#met(socket));
      server.on("error", (error) => this.#unreachable(error));
      const before = process.umask(0o177);
      server.listen(path, () => chmodSync(path, 0o600));
      process.umask(before);
      server.unref();
      this.#server = server;
    } catch (error) {
      this.#unreachable(error);
    }
  }

  /** Cannot be found any more; a takeover that has not opened ends. */
  async stop(): Promise<void> {
    this.#server?.close();
    this.#server = null;
    // The workers decide about what they hold when they drain.
    if (this.#state === "freezing") this.#interrupted = true;
    if (this.#state === "frozen") await this.#thaw(STOPS);
  }

  #unreachable(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.warn("no other process will be able to take over", { reason });
  }

  #met(socket: Socket): void {
    const only =
      <B, T>(answer: (body: B) => T) =>
      (body: B): T => {
        if (this.#successor !== socket) throw new Error("another process is taking over");
        return answer(body);
      };
    const channel = new Channel(socket, {
      present: () => this.#options.present(),
      freeze: () => this.#freeze(socket),
      open: only((target: HandoverTarget) => this.#open(target, channel)),
      leave: only(() => this.#leave()),
    });
    void this.#watch(channel, socket);
  }

  async #watch(channel: Channel, socket: Socket): Promise<void> {
    await channel.closed;
    if (this.#successor !== socket) return;
    if (this.#state === "frozen") await this.#thaw("the other process has ended");
    if (this.#state === "open") await this.#leave();
  }

  async #freeze(socket: Socket): Promise<Frozen> {
    if (this.#state !== "deciding") throw new Error("another process is taking over");
    const { supervisor, desk, persistence, store, anonymous } = this.#options;
    this.#state = "freezing";
    this.#interrupted = false;
    this.#successor = socket;
    this.#log.info("handing over");
    try {
      await within(HOLD_MS, supervisor.hold(), "a worker does not answer");
      await within(CALLS_MS, desk.close(), "a change of clients or backends does not end");
      if (!(await persistence.stop(FLUSH_MS))) throw new Error("the database is down");
      if (this.#interrupted) throw new Error(STOPS);
      store.unlock();
      if (socket.destroyed) throw new Error("the other process has ended");
    } catch (error) {
      await this.#thaw((error as Error).message);
      throw error;
    }
    this.#state = "frozen";
    this.#patience = setTimeout(() => socket.destroy(), OPEN_WITHIN_MS);
    return { anonymous: anonymous() };
  }

  async #thaw(reason: string): Promise<void> {
    const { supervisor, desk, persistence } = this.#options;
    this.#successor = null;
    // Until the lock is back, nobody else may freeze it.
    this.#state = "freezing";
    if (this.#patience) clearTimeout(this.#patience);
    this.#log.warn("not replaced, going on", { reason });
    supervisor.release();
    desk.open();
    const locked = this.#relock().then(() => void (this.#state = "deciding"));
    await Promise.race([locked, Bun.sleep(RELOCK_WITHIN_MS)]);
    persistence.start();
  }

  /** The other process may hold the lock for a moment; one that hangs, until somebody ends it. */
  async #relock(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return this.#options.store.lock();
      } catch (error) {
        if (tries === RELOCK_WITHIN_MS / RELOCK_EVERY_MS) {
          this.#log.error("another process has the database", { reason: String(error) });
        }
      }
      await Bun.sleep(RELOCK_EVERY_MS);
    }
  }

  #open(target: HandoverTarget, channel: Channel): void {
    if (this.#state !== "frozen") throw new Error("nothing is handed over");
    this.#state = "open";
    if (this.#patience) clearTimeout(this.#patience);
    // The path is the other's now.
    this.#server?.close();
    this.#server = null;
    const { supervisor, desk } = this.#options;
    supervisor.handOver(target);
    desk.passOn((call) => channel.ask("control", call, CALL_TIMEOUT_MS));
    this.#log.info("handed over");
  }

  #leave(): Promise<void> {
    this.#left ??= this.#options.supervisor.leavePort().then(() => this.#replaced.resolve());
    return this.#left;
  }
}

async function within(ms: number, step: Promise<void>, otherwise: string): Promise<void> {
  const late = Bun.sleep(ms).then(() => false);
  const done = await Promise.race([step.then(() => true), late]);
  if (!done) throw new Error(otherwise);
}
