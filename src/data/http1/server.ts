// The HTTP/1.1 server of one worker on a plain TCP listener: accepts connections within the limits and
// keeps the books about them. Requests go to `handler`, one at a time per connection. The numbers
// are written by the connections of this worker and read by whoever shows them.

import { Connection } from "./connection.ts";
import type { DeadlineWheel } from "./deadlines.ts";
import type { Exchange } from "./exchange.ts";
import {
  type Dial,
  dialTo,
  type HandoverListener,
  listenForHandover,
  type SocketEvents,
} from "./handover.ts";
import { SERVER_LIMITS, type ServerLimits } from "./limits.ts";
import { MessageWriter } from "./message-writer.ts";
import { KEEP_ALIVE_MS, type RawSocket } from "./wire.ts";
import { type Adoption, descriptorOf } from "../sockets/adoption.ts";
import type { HandoverTarget } from "../../shared/messages.ts";

export interface HttpServerOptions {
  readonly hostname: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Share the port with other workers and processes. */
  readonly reusePort?: boolean;
  /** Listening sockets on the port, each with a share of the connections. Default 1. */
  readonly listeners?: number;
  /** Also takes over the connections of a process that knows this secret; see `handoverPort`. */
  readonly handoverSecret?: string | undefined;
  readonly limits?: Partial<ServerLimits>;
  /** Counts connections over all servers that share the limits. Default: this one alone. */
  readonly census?: Census;
  /** Where connections go that need not stay with Bun. */
  readonly adoption?: Adoption | undefined;
  /** Advanced by the worker's root. */
  readonly deadlines: DeadlineWheel;
  /** Must answer, now or later, or abort. May keep the exchange, not its head beyond its end. */
  readonly handler: (exchange: Exchange) => void;
  /** What came was no request that could be served; `fault` is what its answer says about it. */
  readonly onRefused?: OnRefused;
  /** A bug: something threw. The client got a 500, a truncated answer or no connection. */
  readonly onError?: (error: unknown) => void;
}

export type OnRefused = (status: number, fault: string, peerAddress: string) => void;

/** How many connections there are, in all and of an address. */
export interface Census {
  opened(address: string): void;
  closed(address: string): void;
  total(): number;
  of(address: string): number;
}

export interface HttpServer {
  readonly port: number;
  readonly hostname: string;
  /** Descriptor of a listening socket, which the thread's event loop watches. */
  readonly fd: number;
  readonly connections: number;
  readonly requests: number;
  /** Connections that have ended. */
  readonly ended: number;
  /** Bytes of requests' bodies that passed in pieces which only the collector frees. */
  readonly piled: number;
  /** Requests that the server itself refused, by status. */
  readonly refusals: ReadonlyMap<number, number>;
  /** Loopback port on which connections are taken over; 0 without `handoverSecret`. */
  readonly handoverPort: number;
  /** Accepts no more, ends idle connections; resolves when the last exchange is over. */
  drain(): Promise<void>;
  /** Begins no more exchanges: connections are accepted, what they send waits. */
  hold(): void;
  /** Goes on with what waited. */
  release(): void;
  /** After `hold`: what waits and what still comes is passed on to the process that takes over. */
  handOver(target: HandoverTarget): void;
  /**
   * Accepts no more on the port; what is open stays open, and what the process before this one passes
   * on still comes. Resolves when no connection is left.
   */
  leavePort(): Promise<void>;
  /** Ends everything at once. */
  stop(): void;
}

/** What connections share; the server behind them. */
export interface ServerState {
  readonly limits: ServerLimits;
  readonly deadlines: DeadlineWheel;
  readonly writer: MessageWriter;
  readonly handler: (exchange: Exchange) => void;
  readonly onError: (error: unknown) => void;
  readonly draining: boolean;
  /** No exchange may begin. */
  readonly holding: boolean;
  /** The way to the process that takes over; null but after a hand-over. */
  readonly successor: Dial | null;
  requests: number;
  piled: number;
  refused(status: number, fault: string, peerAddress: string): void;
  closed(connection: Connection): void;
}

class Server implements ServerState, HttpServer {
  readonly limits: ServerLimits;
  readonly deadlines: DeadlineWheel;
  readonly writer = new MessageWriter();
  readonly handler: (exchange: Exchange) => void;
  readonly onError: (error: unknown) => void;
  readonly refusals = new Map<number, number>();
  draining = false;
  holding = false;
  successor: Dial | null = null;
  requests = 0;
  ended = 0;
  piled = 0;
  readonly port: number;
  readonly hostname: string;
  readonly fd: number;
  readonly #connections = new Set<Connection>();
  readonly #census: Census;
  readonly #adoption: Adoption | null;
  readonly #onRefused: OnRefused | undefined;
  readonly #listeners: Bun.TCPSocketListener<SocketEvents | null>[];
  readonly #handover: HandoverListener | null;
  readonly #left = Promise.withResolvers<void>();
  readonly #drained = Promise.withResolvers<void>();

  constructor(options: HttpServerOptions) {
    this.limits = { ...SERVER_LIMITS, ...options.limits };
    this.deadlines = options.deadlines;
    this.handler = options.handler;
    this.#onRefused = options.onRefused;
    this.onError = options.onError ?? (() => {});
    this.#adoption = options.adoption ?? null;
    this.#census = options.census ?? new OwnCensus();
    const { hostname, port, reusePort = false } = options;
    const listen: Bun.TCPSocketListenOptions<SocketEvents | null> & { reusePort: boolean } = {
      hostname,
      port,
      reusePort,
      // A client may end its direction before its answer came.
      allowHalfOpen: true,
      socket: {
        binaryType: "buffer",
        open: (socket) => {
          // Of a connection that was reset meanwhile there is none, which Bun's types do not know.
          const address: string | undefined = socket.remoteAddress;
          if (address === undefined) return socket.close();
          socket.setKeepAlive(true, KEEP_ALIVE_MS);
          const own = this.#adoption?.adopt(socket, true) ?? null;
          if (own !== null) own.listen(this.#accept(own, address));
          else socket.data = this.#accept(socket, address);
        },
        data: (socket, bytes) => socket.data?.onData(bytes, bytes.length),
        drain: (socket) => socket.data?.onDrain(),
        end: (socket) => socket.data?.onEnd(),
        close: (socket, error) => socket.data?.onClose(error),
        error: (socket, error) => {
          this.onError(error);
          socket.data?.closeNow();
        },
      },
    };
    const count = options.listeners ?? 1;
    const first = Bun.listen(listen);
    this.port = first.port;
    this.hostname = first.hostname;
    this.fd = descriptorOf(first);
    listen.port = first.port;
    this.#listeners = [first];
    while (this.#listeners.length < count) this.#listeners.push(Bun.listen(listen));
    const { handoverSecret: secret } = options;
    this.#handover =
      secret === undefined
        ? null
        : listenForHandover(secret, (socket, address) => {
            socket.setKeepAlive(true, KEEP_ALIVE_MS);
            const connection = this.#accept(socket, address);
            // The process that passes it on waits for its end.
            connection.passing = true;
            return connection;
          });
  }

  get handoverPort(): number {
    return this.#handover?.port ?? 0;
  }
  get connections(): number {
    return this.#connections.size;
  }

  #accept(socket: RawSocket, peerAddress: string): Connection {
    const connection = new Connection(socket, this, peerAddress);
    this.#connections.add(connection);
    const address = connection.peerAddress;
    this.#census.opened(address);
    if (this.#census.total() > this.limits.connections) {
      connection.refuse(503, "more connections than the gateway takes");
    } else if (this.#census.of(address) > this.limits.connectionsPerAddress) {
      connection.refuse(429, "more connections than one address may have");
    }
    return connection;
  }

  refused(status: number, fault: string, peerAddress: string): void {
    this.refusals.set(status, (this.refusals.get(status) ?? 0) + 1);
    this.#onRefused?.(status, fault, peerAddress);
  }

  closed(connection: Connection): void {
    this.ended++;
    this.#connections.delete(connection);
    this.#census.closed(connection.peerAddress);
    this.#lookWhetherEmpty();
  }

  #lookWhetherEmpty(): void {
    if (this.#connections.size > 0) return;
    if (this.#listeners.length === 0) this.#left.resolve();
    if (this.draining) this.#drained.resolve();
  }

  drain(): Promise<void> {
    if (this.holding && this.successor === null) this.release();
    if (!this.draining) {
      this.draining = true;
      this.#stopAccepting();
      for (const connection of this.#connections) connection.closeIdle();
      this.#lookWhetherEmpty();
    }
    return this.#drained.promise;
  }

  hold(): void {
    this.holding = true;
  }

  release(): void {
    this.holding = false;
    for (const connection of this.#connections) connection.proceed();
  }

  handOver(target: HandoverTarget): void {
    this.holding = true;
    this.successor = dialTo(target);
    for (const connection of this.#connections) connection.proceed();
  }

  leavePort(): Promise<void> {
    this.#closePort();
    this.#lookWhetherEmpty();
    return this.#left.promise;
  }

  #closePort(): void {
    for (const listener of this.#listeners.splice(0)) listener.stop();
  }

  #stopAccepting(): void {
    this.#closePort();
    this.#handover?.stop();
  }

  stop(): void {
    this.draining = true;
    this.#stopAccepting();
    for (const connection of this.#connections) connection.closeNow();
    this.#drained.resolve();
  }
}

class OwnCensus implements Census {
  #total = 0;
  readonly #byAddress = new Map<string, number>();

  opened(address: string): void {
    this.#total++;
    this.#byAddress.set(address, this.of(address) + 1);
  }
  closed(address: string): void {
    this.#total--;
    const left = this.of(address) - 1;
    if (left === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
  }
  total(): number {
    return this.#total;
  }
  of(address: string): number {
    return this.#byAddress.get(address) ?? 0;
  }
}

export function listenHttp(options: HttpServerOptions): HttpServer {
  return new Server(options);
}
