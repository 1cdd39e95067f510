// An established TCP connection whose bytes this worker moves itself. Has the shape of Bun's sockets, so
// that `Wire` and its owners do not know which they have. Written by its owner and by the loop.
// Always holds: after `onClose` the descriptor is closed and none of its events is handed out.

import type { RawSocket } from "../http1/wire.ts";
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, type Kernel, type Poller } from "./kernel.ts";
import { BULK_BYTES, pieces, SMALL_BYTES } from "./pieces.ts";

/** Who is told; never from within a call of the socket's methods, `onClose` apart. */
export interface OwnSocketEvents {
  /** [0, end) of `bytes`, which are the receiver's now. */
  onData(bytes: Buffer, end: number): void;
  /** There is room again after a `write` that did not take all. */
  onDrain(): void;
  /** The other side ended its direction. */
  onEnd(): void;
  onClose(error?: Error): void;
}

export interface Surroundings {
  readonly kernel: Kernel;
  readonly poller: Poller;
  readonly closed: (fd: number) => void;
}

/** Up to here, what came in a large piece is copied to one of its own size. */
const COPY_BELOW = 16_384;

const NOBODY: OwnSocketEvents = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} };

export class OwnSocket implements RawSocket {
  readonly remoteAddress: string;
  readonly #fd: number;
  readonly #around: Surroundings;
  #events: OwnSocketEvents = NOBODY;
  /** What the poller watches for; -1 while it does not know the descriptor. */
  #watched = EPOLLIN;
  #reading = true;
  /** A write did not take all. */
  #full = false;
  #ended = false;
  #shutdown = false;
  #broken = false;
  #closed = false;
  /** More than a small piece came at once, so more may come. */
  #bulk: boolean;
  /** What is read is kept by who gets it, and not given back soon. */
  #kept: boolean;

  constructor(
    fd: number,
    remoteAddress: string,
    kept: boolean,
    around: Surroundings,
  ) {
    this.#fd = fd;
    this.remoteAddress = remoteAddress;
    this.#around = around;
    this.#kept = kept;
    this.#bulk = !kept;
  }

  /** Events go there from now on. To be called before the loop's next turn. */
  listen(events: OwnSocketEvents): this {
    this.#events = events;
    return this;
  }

  // ── for its owner ────────────────────────────────────────────────────────────────────────────

  write(bytes: Buffer, start: number, length: number): number {
    if (this.#closed || this.#broken || this.#shutdown) return -1;
    const taken = this.#around.kernel.write(this.#fd, bytes, start, length);
    if (taken === length) return taken;
    if (taken < 0 && this.#around.kernel.gone(this.#fd)) {
      // The poller reports it, by the descriptor's next event.
      this.#broken = true;
      this.#watch();
      return -1;
    }
    this.#full = true;
    this.#watch();
    return Math.max(taken, 0);
  }

  pause(): void {
    this.#reading = false;
    this.#watch();
  }
  resume(): void {
    this.#reading = true;
    this.#watch();
  }

  /** What is read from now on may be kept for long. */
  keep(): void {
    this.#kept = true;
    this.#bulk = false;
  }

  shutdown(): void {
    if (this.#closed || this.#shutdown) return;
    this.#shutdown = true;
    this.#around.kernel.shutdown(this.#fd);
  }
  /** Closes both directions; what was written is still sent. */
  end(): void {
    this.#close(false);
  }
  terminate(): void {
    this.#close(true);
  }

  #close(reset: boolean, error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    const { kernel, closed } = this.#around;
    closed(this.#fd);
    if (reset) kernel.abort(this.#fd);
    else kernel.close(this.#fd);
    this.#events.onClose(error);
  }

  #watch(): void {
    if (this.#closed) return;
    const wanted =
      (this.#reading && !this.#ended ? EPOLLIN : 0) | (this.#full ? EPOLLOUT : 0);
    if (wanted === this.#watched) return;
    const { poller } = this.#around;
    if (this.#watched < 0) poller.add(this.#fd, wanted);
    else poller.change(this.#fd, wanted);
    this.#watched = wanted;
  }

  // ── for the loop ─────────────────────────────────────────────────────────────────────────────

  /** The poller's events of it. */
  ready(events: number): void {
    if ((events & EPOLLOUT) !== 0 && (events & (EPOLLERR | EPOLLHUP)) === 0) {
      this.#full = false;
      this.#events.onDrain();
      if (this.#closed) return;
      this.#watch();
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) === 0) return;
    if (this.#broken) return this.#lost();
    if (this.#reading && !this.#ended) this.#read(events);
    else if ((events & EPOLLERR) !== 0) this.#lost();
    else if ((events & EPOLLHUP) !== 0) this.#hungUp();
  }

  #read(events: number): void {
    const { kernel } = this.#around;
    const bulk = this.#bulk;
    const piece = bulk ? pieces.bulk() : pieces.small();
    const size = bulk ? BULK_BYTES : SMALL_BYTES;
    const count = kernel.read(this.#fd, piece, size);
    if (count > 0) {
      if (this.#kept) this.#bulk = count === size || (bulk && count > COPY_BELOW);
      if (!bulk || !this.#kept || count > COPY_BELOW) return this.#events.onData(piece, count);
      const copy = Buffer.allocUnsafeSlow(count);
      piece.copy(copy, 0, 0, count);
      pieces.giveBack(piece);
      return this.#events.onData(copy, count);
    }
    pieces.giveBack(piece);
    if (count < 0) {
      if ((events & (EPOLLERR | EPOLLHUP)) !== 0) this.#lost();
      return;
    }
    // An end that nobody announced, and our direction with it: a reset whose error was taken.
    if ((events & EPOLLHUP) !== 0 && !this.#shutdown) return this.#lost();
    this.#ended = true;
    this.#watch();
    this.#events.onEnd();
    // Both directions are over: as Bun's sockets do, it closes by itself.
    if (this.#shutdown) this.#close(false);
  }

  /** Both directions are over, and that is reported until somebody reads on, or nobody has to. */
  #hungUp(): void {
    if (!this.#shutdown && this.#ended) return this.#lost();
    if (this.#watched < 0) return;
    this.#around.poller.remove(this.#fd);
    this.#watched = -1;
  }

  #lost(): void {
    const code = this.#around.kernel.error(this.#fd);
    this.#close(false, new Error(code === 0 ? "the connection closed" : nameOf(code)));
  }
}

/** Of the errors that end a connection, by their Linux numbers. */
function nameOf(code: number): string {
  const names: Record<number, string> = {
    32: "EPIPE",
    104: "ECONNRESET",
    110: "ETIMEDOUT",
    113: "EHOSTUNREACH",
  };
  return names[code] ?? `error ${code}`;
}
