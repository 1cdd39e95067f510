// The kept connections of one worker to one backend. The connection used last is used next, so that few
// stay busy and the rest time out before the backend closes them. Written by the connections and
// by `call`. Always holds: a connection in `#idle` carries no call and nothing is unread on it.

import { familyOf } from "../../shared/address-text.ts";
import { Call, type CallOwner } from "./call.ts";
import type { DeadlineWheel } from "./deadlines.ts";
import { MessageWriter } from "./message-writer.ts";
import { RESPONSE_LIMITS, type ResponseLimits } from "./response-head.ts";
import { UpstreamConnection } from "./upstream-connection.ts";
import { KEEP_ALIVE_MS } from "./wire.ts";
import type { Adoption } from "../sockets/adoption.ts";

export interface UpstreamLimits {
  readonly head: ResponseLimits;
  readonly connectMs: number;
  /** Milliseconds from the end of the request to the answer's head. */
  readonly headMs: number;
  /** Milliseconds between two pieces of an answer that is no event stream. */
  readonly silentMs: number;
  /** Milliseconds a connection is kept unused. Below the 5 s after which Node's servers close. */
  readonly idleMs: number;
  /** Connections kept unused. */
  readonly idle: number;
}
export const UPSTREAM_LIMITS: UpstreamLimits = {
  head: RESPONSE_LIMITS,
  connectMs: 2000,
  headMs: 60_000,
  silentMs: 60_000,
  idleMs: 4000,
  idle: 256,
};

export interface UpstreamPoolOptions {
  readonly hostname: string;
  readonly port: number;
  /** By TLS: the certificate has to be trusted, and to be for `hostname`. */
  readonly tls?: boolean;
  /** Whether requests may go to the address that `hostname` led to. Default: to any. */
  readonly accepts?: (address: string) => boolean;
  readonly deadlines: DeadlineWheel;
  readonly limits?: Partial<UpstreamLimits>;
  /** Where plain connections go that need not stay with Bun. */
  readonly adoption?: Adoption | undefined;
}

/** Null: the connection is no longer on this socket. */
type Carried = UpstreamConnection | null;

const HANDLERS: Bun.SocketHandler<Carried> = {
  binaryType: "buffer",
  open: (socket) => {
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const connection = socket.data!;
    if (connection.onConnected(connection.moved(socket) ?? socket)) connection.onReady();
  },
  data: (socket, bytes) => socket.data?.onData(bytes, bytes.length),
  drain: (socket) => socket.data?.onDrain(),
  end: (socket) => socket.data?.onEnd(),
  close: (socket, error) => socket.data?.onClose(error),
  error: (socket) => socket.data?.onError(),
  connectError: (socket, error) => socket.data?.onConnectError(codeOf(error)),
};
const TLS_HANDLERS: Bun.SocketHandler<Carried> = {
  ...HANDLERS,
  open: (socket) => {
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.data?.onConnected(socket);
  },
  // Bun ends the connection of a certificate that it refuses.
  handshake: (socket, trusted, error) =>
    trusted ? socket.data?.onReady() : socket.data?.onConnectError(codeOf(error)),
};

function codeOf(error: Error | null): string {
  return (error as { code?: string } | null)?.code ?? error?.message ?? "";
}

/** An address is no server's name (RFC 6066 §3): one may refuse it. The certificate is checked all the same. */
const NO_NAME: Bun.TLSOptions = { serverName: "" };

export class UpstreamPool {
  readonly hostname: string;
  readonly port: number;
  /** As `Host` says it. */
  readonly authority: string;
  readonly tls: boolean;
  readonly #tls: boolean | Bun.TLSOptions;
  readonly accepts: ((address: string) => boolean) | null;
  readonly deadlines: DeadlineWheel;
  readonly limits: UpstreamLimits;
  readonly adoption: Adoption | null;
  /** Requests are put together here, each within one synchronous stretch. */
  readonly writer = new MessageWriter();
  readonly #all = new Set<UpstreamConnection>();
  readonly #idle: UpstreamConnection[] = [];
  #open = true;

  constructor(options: UpstreamPoolOptions) {
    this.hostname = options.hostname;
    this.port = options.port;
    this.tls = options.tls ?? false;
    this.#tls = this.tls && familyOf(this.hostname) !== 0 ? NO_NAME : this.tls;
    const host = this.hostname.includes(":") ? `[${this.hostname}]` : this.hostname;
    this.authority = this.port === (this.tls ? 443 : 80) ? host : `${host}:${this.port}`;
    this.accepts = options.accepts ?? null;
    this.deadlines = options.deadlines;
    this.adoption = options.adoption ?? null;
    this.limits = { ...UPSTREAM_LIMITS, ...options.limits };
  }

  get connections(): number {
    return this.#all.size;
  }
  get idle(): number {
    return this.#idle.length;
  }

  /**
   * Sends the request that `writer` holds; `last`: it has no more body. The owner hears of everything
   * else later, never before this returns. `fresh` avoids kept connections, after one was stale.
   */
  call(owner: CallOwner, last: boolean, fresh = false): Call {
    const call = new Call(owner, last);
    const { bytes, used } = this.writer;
    let kept = fresh ? undefined : this.#idle.pop();
    for (; kept !== undefined; kept = this.#idle.pop()) {
      if (kept.reuse(call, bytes, used)) return call;
    }
    const connection = new UpstreamConnection(this);
    this.#all.add(connection);
    connection.begin(call, bytes, used);
    const options: Bun.TCPSocketConnectOptions<Carried> = {
      hostname: this.hostname,
      port: this.port,
      data: connection,
      allowHalfOpen: true,
      tls: this.#tls,
      socket: this.tls ? TLS_HANDLERS : HANDLERS,
    };
    // The failure itself is told by `connectError`.
    Bun.connect(options).catch(() => {});
    return call;
  }

  /** False: there is no room for one more. */
  park(connection: UpstreamConnection): boolean {
    if (!this.#open || this.#idle.length >= this.limits.idle) return false;
    this.#idle.push(connection);
    return true;
  }

  closed(connection: UpstreamConnection): void {
    this.#all.delete(connection);
    const at = this.#idle.lastIndexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /** Keeps no connection from now on; calls in progress go on. */
  close(): void {
    this.#open = false;
    for (const connection of this.#idle.slice()) connection.closeIdle();
  }
}
