// Both ends of the way on which a gateway that is being replaced passes its connections on to the one
// that takes over: a TCP connection over loopback for each, which begins with a line of proof and
// the client's address, then carries the client's bytes as they are. So the successor parses,
// admits and answers, and what the old process already knows of a request does not matter.

import type { Socket } from "bun";
import type { HandoverTarget } from "../../shared/messages.ts";
import { type RawEnd, type RawListener, WireEnd } from "./raw-end.ts";
import { type RawSocket, Wire } from "./wire.ts";

const LOOPBACK = "127.0.0.1";
/** A secret of 64 characters, a space, an address of at most 45, a line feed. */
const LONGEST_LINE = 128;
const LF = 10;

/** Opens one connection to the successor. Null: it cannot be reached. */
export type Dial = (clientAddress: string) => Promise<Outgoing | null>;

export function dialTo({ ports, secret }: HandoverTarget): Dial {
  let turn = 0;
  return async (clientAddress) => {
    // A worker that has died since then is missed by its port alone.
    for (let tries = ports.length; tries > 0; tries--) {
      const outgoing = await connect(ports[turn++ % ports.length]!);
      if (outgoing === null) continue;
      const line = Buffer.from(`${secret} ${clientAddress}\n`);
      outgoing.writeRaw(line, 0, line.length);
      return outgoing;
    }
    return null;
  };
}

async function connect(port: number): Promise<Outgoing | null> {
  try {
    const socket = await Bun.connect<Outgoing | null>({
      hostname: LOOPBACK,
      port,
      allowHalfOpen: true,
      data: null,
      socket: {
        binaryType: "buffer",
        data: (from, bytes) => from.data?.onData(bytes),
        drain: (from) => from.data?.onDrain(),
        end: (from) => from.data?.onEnd(),
        close: (from, error) => from.data?.onClose(error),
        error: (from) => from.data?.destroyRaw(),
      },
    });
    const outgoing = new Outgoing(socket);
    socket.data = outgoing;
    return outgoing;
  } catch {
    return null;
  }
}

/** The connection to the successor: bytes both ways. */
export class Outgoing extends WireEnd {
  readonly #wire: Wire;
  #listener: RawListener | null = null;

  constructor(socket: RawSocket) {
    const wire = new Wire(socket);
    super(wire);
    this.#wire = wire;
  }

  /** Null when it is gone already. */
  listen(listener: RawListener): RawEnd | null {
    if (this.#wire.closed) return null;
    this.#listener = listener;
    return this;
  }

  onData(bytes: Buffer): void {
    this.#listener?.onRaw(bytes, 0, bytes.length);
  }
  onDrain(): void {
    if (this.#wire.drained()) this.#listener?.onRawDrain();
  }
  onEnd(): void {
    this.#wire.ended = true;
    this.#listener?.onRawEnd();
  }
  onClose(error?: Error): void {
    if (this.#wire.onClosed(error)) this.#listener?.onRawEnd();
    this.#listener?.onRawClose();
  }
}

/** What the events of an accepted socket go to: first the reader of its first line. */
export interface SocketEvents {
  /** [0, end) of the bytes, which are the receiver's now. */
  onData(bytes: Buffer, end: number): void;
  onDrain(): void;
  onEnd(): void;
  onClose(error?: Error): void;
  closeNow(): void;
}

/** Makes a connection of a socket whose client is at this address. */
export type Adopt = (socket: Socket<SocketEvents | null>, clientAddress: string) => SocketEvents;

export interface HandoverListener {
  readonly port: number;
  stop(): void;
}

/** The successor's end. Sockets that do not begin with the secret are closed without a word. */
export function listenForHandover(secret: string, adopt: Adopt): HandoverListener {
  const listener = Bun.listen<SocketEvents | null>({
    hostname: LOOPBACK,
    port: 0,
    allowHalfOpen: true,
    socket: {
      binaryType: "buffer",
      open: (socket) => {
        socket.data = new FirstLine(socket, secret, adopt);
      },
      data: (socket, bytes) => socket.data?.onData(bytes, bytes.length),
      drain: (socket) => socket.data?.onDrain(),
      end: (socket) => socket.data?.onEnd(),
      close: (socket, error) => socket.data?.onClose(error),
      error: (socket) => socket.data?.closeNow(),
    },
  });
  return { port: listener.port, stop: () => listener.stop() };
}

class FirstLine implements SocketEvents {
  readonly #socket: Socket<SocketEvents | null>;
  readonly #secret: string;
  readonly #adopt: Adopt;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(socket: Socket<SocketEvents | null>, secret: string, adopt: Adopt) {
    this.#socket = socket;
    this.#secret = secret;
    this.#adopt = adopt;
  }

  onData(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    const end = this.#bytes.indexOf(LF);
    if (end < 0 && this.#bytes.length <= LONGEST_LINE) return;
    const [secret = "", address = ""] = this.#bytes.toString("latin1", 0, end).split(" ");
    if (end < 0 || !same(secret, this.#secret)) return this.closeNow();
    const connection = this.#adopt(this.#socket, address);
    this.#socket.data = connection;
    const rest = this.#bytes.subarray(end + 1);
    if (rest.length > 0) connection.onData(rest, rest.length);
  }
  onDrain(): void {}
  onEnd(): void {
    this.closeNow();
  }
  onClose(): void {}
  closeNow(): void {
    this.#socket.terminate();
  }
}

function same(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && crypto.timingSafeEqual(a, b);
}
