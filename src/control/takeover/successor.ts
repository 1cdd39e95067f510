// The side of the process that takes over: finds the gateway that runs, makes it stop deciding, and
// once this process serves, has it leave the port without a connection lost.

import { connect, type Socket } from "node:net";
import type { Config } from "../../config.ts";
import type { ControlResult } from "../../shared/control-result.ts";
import type { Logger } from "../../shared/log.ts";
import type { HandoverTarget } from "../../shared/messages.ts";
import { EXIT, StartError } from "../../shared/start-error.ts";
import { Channel } from "./channel.ts";
import { configuredAddress, databaseName } from "./identity.ts";
import { meetingPlace } from "./meeting-place.ts";
import { type Frozen, type PassedCall, type Presence, PROTOCOL } from "./protocol.ts";
import { Steering } from "./steering.ts";

const ANSWER_MS = 5_000;
/** The old process writes its buckets before it answers. */
const FREEZE_MS = 10_000;
/**
 * The old process accepts for so long after this one: connections whose opening began with it, and
 * whose packets may still be under way, become complete.
 */
const GRACE_MS = 1_000;

export class Successor {
  readonly presence: Presence;
  /** Set it before `open`. */
  onControl: (call: PassedCall) => Promise<ControlResult<unknown>> = () =>
    Promise.reject(new Error("not ready"));
  readonly #channel: Channel;
  readonly #log: Logger;
  readonly #alone = Promise.withResolvers<void>();
  #frozenAt = 0;

  private constructor(presence: Presence, channel: Channel, log: Logger) {
    this.presence = presence;
    this.#channel = channel;
    this.#log = log;
  }

  /** Null when no gateway runs there. Throws `StartError` when it cannot be replaced by this one. */
  static async find(config: Config, log: Logger): Promise<Successor | null> {
    const socket = await reach(config);
    if (socket === null) return null;
    let found: Successor | null = null;
    const channel = new Channel(socket, { control: (call: PassedCall) => found!.onControl(call) });
    const presence = await channel
      .ask<Presence>("present", null, ANSWER_MS)
      .catch((error: Error) => refuse(error.message));
    const difference = differenceFrom(config, presence);
    if (difference !== null) refuse(difference);
    Steering.prepare();
    found = new Successor(presence, channel, log.child("takeover"));
    return found;
  }

  /** From here on no process decides, until `open`. Throws `StartError`. */
  async freeze(): Promise<Frozen> {
    this.#frozenAt = performance.now();
    return await this.#channel
      .ask<Frozen>("freeze", null, FREEZE_MS)
      .catch((error: Error) => refuse(error.message));
  }

  /** Resolves when the old process has left the port, or does not answer. */
  get alone(): Promise<void> {
    return this.#alone.promise;
  }

  /** Resolves when the old process has ended. */
  get ended(): Promise<void> {
    return this.#channel.closed;
  }

  /** Rejects with `StartError` when the old process has ended, or goes on by itself. */
  async lost(): Promise<never> {
    await this.ended;
    refuse("it has ended the takeover");
  }

  /** Milliseconds since `freeze` was called. */
  get frozenMs(): number {
    return performance.now() - this.#frozenAt;
  }

  /** This process serves: the old one passes on what waits there. Throws `StartError`. */
  async open(target: HandoverTarget): Promise<void> {
    await this.#channel
      .ask("open", target, ANSWER_MS)
      .catch((error: Error) => refuse(error.message));
    const { pid, version } = this.presence;
    this.#log.info("took over", { pid, version, held_ms: Math.round(this.frozenMs) });
  }

  /**
   * Has the old process leave the port. `listeners`: this process's own sockets on it, not fewer than
   * the old one's. Resolves when the old one has ended.
   */
  async settle(listeners: number): Promise<void> {
    const { port, listeners: old } = this.presence;
    const steering = Steering.of(port);
    const steered = steering?.toRange(old, listeners) ?? false;
    if (!steered) this.#log.warn("connections cannot be steered, some may be reset");
    await Bun.sleep(GRACE_MS);
    // Each of the old sockets that closes is replaced in its place by the last of ours, so this one
    // is ours, or there is no such place any more and all are ours.
    if (steered) steering?.toOne(old);
    await this.#channel.ask("leave", null, ANSWER_MS).catch((error: Error) => {
      this.#log.warn("the old process has not left the port", { reason: error.message });
    });
    if (steered) steering?.end();
    this.#alone.resolve();
    await this.ended;
    this.#log.info("the old process has ended", { pid: this.presence.pid });
  }
}

function differenceFrom(config: Config, presence: Presence): string | null {
  const { configured, database, host, port, protocol, version } = presence;
  if (protocol !== PROTOCOL) return `it is version ${version}, stop it first`;
  const sameHost = configured.slice(0, configured.lastIndexOf(":") + 1);
  const wanted = configuredAddress(config);
  if (!wanted.startsWith(sameHost) || (config.port !== 0 && config.port !== port)) {
    return `it listens on ${configuredAddress({ host, port })}, not on ${wanted}`;
  }
  if (database !== databaseName(config.database)) return `it has another database`;
  return null;
}

function refuse(reason: string): never {
  throw new StartError(EXIT.inUse, `The running gateway cannot be replaced: ${reason}.`);
}

function reach(config: Config): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    let path: string;
    try {
      path = meetingPlace(config);
    } catch (error) {
      // The folder of the database does not exist: opening it says so.
      if ((error as { code?: string }).code === "ENOENT") return resolve(null);
      return reject(new StartError(EXIT.notPermitted, `Cannot take over: ${String(error)}.`));
    }
    const socket = connect(path);
    socket.once("connect", () => resolve(socket));
    socket.once("error", (error: Error & { code?: string }) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") return resolve(null);
      reject(new StartError(EXIT.notPermitted, `Cannot take over: ${error.message}.`));
    });
  });
}
