// The HTTP/1.1 server of one worker on a plain TCP listener: accepts connections within the limits and
// keeps the books about them. Requests go to `handler`, one at a time per connection. The numbers
// are written by the connections of this worker and read by whoever shows them.

import { Connection } from "./connection.ts";
import type { DeadlineWheel } from "./deadlines.ts";
import type { Exchange } from "./exchange.ts";
import { SERVER_LIMITS, type ServerLimits } from "./limits.ts";
import { MessageWriter } from "./message-writer.ts";

export interface HttpServerOptions {
  readonly hostname: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Share the port with other workers and processes. */
  readonly reusePort?: boolean;
  readonly limits?: Partial<ServerLimits>;
  /** Advanced by the worker's root. */
  readonly deadlines: DeadlineWheel;
  /** Must answer, now or later, or abort. May keep the exchange, not its head beyond its end. */
  readonly handler: (exchange: Exchange) => void;
  /** A bug: the handler threw. The client got a 500 or a truncated answer. */
  readonly onError?: (error: unknown) => void;
}

export interface HttpServer {
  readonly port: number;
  readonly hostname: string;
  readonly connections: number;
  readonly requests: number;
  /** Requests that the server itself refused, by status. */
  readonly refusals: ReadonlyMap<number, number>;
  /** Accepts no more, ends idle connections; resolves when the last exchange is over. */
  drain(): Promise<void>;
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
  requests: number;
  refused(status: number): void;
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
  requests = 0;
  readonly #connections = new Set<Connection>();
  readonly #byAddress = new Map<string, number>();
  readonly #listener: Bun.TCPSocketListener<Connection | null>;
  readonly #drained = Promise.withResolvers<void>();

  constructor(options: HttpServerOptions) {
    this.limits = { ...SERVER_LIMITS, ...options.limits };
    this.deadlines = options.deadlines;
    this.handler = options.handler;
    this.onError = options.onError ?? (() => {});
    const { hostname, port, reusePort = false } = options;
    const listen: Bun.TCPSocketListenOptions<Connection | null> & { reusePort: boolean } = {
      hostname,
      port,
      reusePort,
      // A client may end its direction before its answer came.
      allowHalfOpen: true,
      socket: {
        binaryType: "buffer",
        open: (socket) => this.#accept(socket),
        data: (socket, bytes) => socket.data?.onData(bytes),
        drain: (socket) => socket.data?.onDrain(),
        end: (socket) => socket.data?.onEnd(),
        close: (socket) => socket.data?.onClose(),
        error: (socket, error) => {
          this.onError(error);
          socket.data?.closeNow();
        },
      },
    };
    this.#listener = Bun.listen(listen);
  }

  get port(): number {
    return this.#listener.port;
  }
  get hostname(): string {
    return this.#listener.hostname;
  }
  get connections(): number {
    return this.#connections.size;
  }

  #accept(socket: Bun.Socket<Connection | null>): void {
    const connection = new Connection(socket, this);
    socket.data = connection;
    this.#connections.add(connection);
    const address = connection.peerAddress;
    const sameAddress = (this.#byAddress.get(address) ?? 0) + 1;
    this.#byAddress.set(address, sameAddress);
    if (this.#connections.size > this.limits.connections) {
      connection.refuse(503, "more connections than the gateway takes");
    } else if (sameAddress > this.limits.connectionsPerAddress) {
      connection.refuse(429, "more connections than one address may have");
    }
  }

  refused(status: number): void {
    this.refusals.set(status, (this.refusals.get(status) ?? 0) + 1);
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection);
    const sameAddress = this.#byAddress.get(connection.peerAddress)! - 1;
    if (sameAddress === 0) this.#byAddress.delete(connection.peerAddress);
    else this.#byAddress.set(connection.peerAddress, sameAddress);
    if (this.draining && this.#connections.size === 0) this.#drained.resolve();
  }

  drain(): Promise<void> {
    if (!this.draining) {
      this.draining = true;
      this.#listener.stop();
      for (const connection of this.#connections) connection.closeIdle();
      if (this.#connections.size === 0) this.#drained.resolve();
    }
    return this.#drained.promise;
  }

  stop(): void {
    this.draining = true;
    this.#listener.stop(true);
    for (const connection of this.#connections) connection.closeNow();
    this.#drained.resolve();
  }
}

export function listenHttp(options: HttpServerOptions): HttpServer {
  return new Server(options);
}
