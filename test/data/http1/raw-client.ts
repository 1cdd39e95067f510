// A client that speaks plain bytes, for tests of what really goes over the wire.

import { type Socket, connect } from "node:net";

export class RawClient {
  received = "";
  /** "end" when the server ended its direction, "reset" when it reset the connection. */
  readonly closed: Promise<"end" | "reset">;
  readonly socket: Socket;
  #wake: (() => void)[] = [];
  #over = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.on("end", () => resolve("end"));
      socket.on("error", () => resolve("reset"));
      socket.on("close", () => resolve("end"));
    });
    socket.on("end", () => this.#end()).on("error", () => this.#end());
    socket.on("close", () => this.#end());
    socket.on("data", (bytes: Buffer) => {
      this.received += bytes.toString("latin1");
      this.#wakeAll();
    });
  }

  static open(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      const client = new RawClient(socket);
      socket.once("connect", () => resolve(client));
      socket.once("error", reject);
    });
  }

  #end(): void {
    this.#over = true;
    this.#wakeAll();
  }
  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  send(text: string): this {
    this.socket.write(text, "latin1");
    return this;
  }
  /** Ends the client's direction only. */
  end(): this {
    this.socket.end();
    return this;
  }
  close(): void {
    this.socket.destroy();
  }

  /** Resolves once what was received satisfies the condition, or the connection is over. */
  async until(condition: (received: string) => boolean): Promise<string> {
    while (!condition(this.received) && !this.#over) {
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    return this.received;
  }
  contains(text: string): Promise<string> {
    return this.until((received) => received.includes(text));
  }
  /** Everything up to the end of the connection. */
  async all(): Promise<string> {
    await this.closed;
    return this.received;
  }
}

/**
 * Where a number comes to rest after it left `start`: it did not change for a tenth of a second. For
 * back-pressure, whose success is that nothing happens any more.
 */
export async function atRest(start: number, read: () => number): Promise<number> {
  for (let last = start, same = 0; ;) {
    const now = read();
    same = now === last && now !== start ? same + 1 : 0;
    if (same === 5) return now;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Queues that many bytes `x` in pieces, so that `writableLength` tells how many are left. */
export function flood(socket: Socket, size: number): void {
  const piece = Buffer.alloc(100_000, "x");
  for (let left = size; left > 0; left -= piece.length) {
    socket.write(left < piece.length ? piece.subarray(0, left) : piece);
  }
}
