// A backend that a test scripts byte by byte, and that records what it was sent.

import { type AddressInfo, type Socket, createServer } from "node:net";

export interface RawConnection {
  readonly socket: Socket;
  received: string;
}

export class RawBackend {
  readonly connections: RawConnection[] = [];
  readonly #server = createServer({ allowHalfOpen: true });
  #wake: (() => void)[] = [];

  /** Called for every piece of bytes, e.g. to answer. */
  onData: (connection: RawConnection, backend: RawBackend) => void = () => {};

  static async listen(onData: RawBackend["onData"] = () => {}): Promise<RawBackend> {
    const backend = new RawBackend();
    backend.onData = onData;
    backend.#server.on("connection", (socket) => backend.#accept(socket));
    await new Promise<void>((resolve) => backend.#server.listen(0, "127.0.0.1", resolve));
    return backend;
  }

  /** Answers every request without a body by `answer`. */
  static answering(answer: string): Promise<RawBackend> {
    return RawBackend.listen((connection) => {
      const requests = connection.received.split("\r\n\r\n").length - 1;
      connection.received = connection.received.slice(
        connection.received.lastIndexOf("\r\n\r\n") + 4,
      );
      for (let i = 0; i < requests; i++) connection.socket.write(answer, "latin1");
    });
  }

  #accept(socket: Socket): void {
    const connection: RawConnection = { socket, received: "" };
    this.connections.push(connection);
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      connection.received += bytes.toString("latin1");
      this.onData(connection, this);
      for (const wake of this.#wake.splice(0)) wake();
    });
    for (const wake of this.#wake.splice(0)) wake();
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The connection with that number, once it received what the condition wants. */
  async until(index: number, condition: (received: string) => boolean): Promise<RawConnection> {
    for (;;) {
      const connection = this.connections[index];
      if (connection !== undefined && condition(connection.received)) return connection;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }
  /** The same, for the end of a head. */
  request(index = 0): Promise<RawConnection> {
    return this.until(index, (received) => received.includes("\r\n\r\n"));
  }

  close(): void {
    for (const { socket } of this.connections) socket.destroy();
    this.#server.close();
  }
}
