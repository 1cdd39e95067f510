// An established TCP connection whose bytes this worker moves itself. Has the shape of Bun's sockets, so
// that `Wire` and its owners do not know which they have. Written by its owner and by the loop.
// Always holds: after `onClose` the descriptor is closed and none of its events is handed out.

import type { RawSocket } from "../http1/wire.ts";
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, type Kernel, type Poller } from "./kernel.ts";
import type { Outbox, Sender } from "./outbox.ts";
import { BULK_BYTES, MEDIUM_BYTES, pieces, sizeFor, SMALL_BYTES } from "./pieces.ts";

/** Who is told; never from within a call of the socket's methods, `onClose` apart. */
export interface OwnSocketEvents {
  /** [0, end) of `bytes`, which are the receiver's now. */
  onData(bytes: Buffer, end: number): void;
  /** There is room again after a `write` that did not take all. */
  onDrain(): void;
  /** The other side ended its direction. */
  onEnd(): void;
  onClose(error?: Error): void;
  /** Nothing is to come now: whatever does belongs to nothing that is sent later. */
  readonly unasked?: boolean;
}

export interface Surroundings {
  readonly kernel: Kernel;
  readonly poller: Poller;
  readonly outbox: Outbox;
  readonly closed: (fd: number) => void;
}

/** Milliseconds for what was written and not sent when a connection is closed. */
const PARTING_MS = 5000;

const NOBODY: OwnSocketEvents = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} };

export class OwnSocket implements RawSocket, Sender {
  entry = -1;
  readonly remoteAddress: string;
  readonly #fd: number;
  readonly #around: Surroundings;
  #events: OwnSocketEvents = NOBODY;
  /** What the poller watches for; -1 while it does not know the descriptor. */
  #watched = EPOLLIN;
  #reading = true;
  /** A write did not take all. */
  #full = false;
  /** What a `write` reported as taken and the kernel did not take. */
  #rest: Buffer | null = null;
  #ended = false;
  #shutdown = false;
  #broken = false;
  /** Number of the error that the poller reported; 0: none. */
  #fault = 0;
  #closed = false;
  /** Closed, but for the rest that is to be sent. */
  #parting = false;
  /** What was read and not handed out yet: so many bytes of it, or what the kernel said. */
  #piece: Buffer | null = null;
  #count = 0;
  /** Bytes that the next read is for: what the last one brought lets expect as much. */
  #size = SMALL_BYTES;
  /** What is read is kept by who gets it, and not given back soon. */
  kept: boolean;

  constructor(fd: number, remoteAddress: string, kept: boolean, around: Surroundings) {
    this.#fd = fd;
    this.remoteAddress = remoteAddress;
    this.#around = around;
    this.kept = kept;
  }

  /** Events go there from now on. To be called before the loop's next turn. */
  listen(events: OwnSocketEvents): this {
    this.#events = events;
    return this;
  }

  // ── for its owner ────────────────────────────────────────────────────────────────────────────

  write(bytes: Buffer, start: number, length: number): number {
    if (this.#closed || this.#broken || this.#shutdown || this.#parting) return -1;
    if (this.#full) return 0;
    const { outbox } = this.#around;
    if (outbox.put(this, bytes, start, length)) return length;
    outbox.flush(this);
    if (this.#broken) return -1;
    if (this.#full) return 0;
    const taken = this.#around.kernel.write(this.#fd, bytes, start, length);
    return taken === length ? taken : this.#stopped(taken);
  }

  /** Not all of a write was taken; how much was, or -1. */
  #stopped(taken: number): number {
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

  /** What the outbox kept. */
  flush(bytes: Buffer, address: number, from: number, length: number): void {
    const taken = this.#around.kernel.writeAt(this.#fd, address + from, length);
    if (taken === length) return;
    const sent = this.#stopped(taken);
    if (sent >= 0) this.#rest = Buffer.from(bytes.subarray(from + sent, from + length));
  }

  /** Sends what was reported as written and is still here. False: there is no room yet. */
  #writeRest(): boolean {
    const rest = this.#rest;
    if (rest === null) return true;
    const taken = this.#around.kernel.write(this.#fd, rest, 0, rest.length);
    if (taken === rest.length) {
      this.#rest = null;
      return true;
    }
    const sent = this.#stopped(taken);
    if (sent > 0) this.#rest = Buffer.from(rest.subarray(sent));
    return false;
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
    this.kept = true;
  }

  shutdown(): void {
    if (this.#closed || this.#shutdown) return;
    this.#around.outbox.flush(this);
    this.#shutdown = true;
    if (this.#rest === null) this.#around.kernel.shutdown(this.#fd);
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
    const { kernel, outbox, closed } = this.#around;
    outbox.flush(this);
    if (!reset && this.#rest !== null && !this.#broken && !this.#parting) return this.#part();
    this.#closed = true;
    closed(this.#fd);
    if (reset) kernel.abort(this.#fd);
    else kernel.close(this.#fd);
    this.#events.onClose(error);
  }

  /** For its owner it is closed; the descriptor is once the rest is sent, or nobody takes it. */
  #part(): void {
    this.#parting = true;
    this.#reading = false;
    this.#watch();
    const events = this.#events;
    this.#events = NOBODY;
    setTimeout(() => this.#close(true), PARTING_MS);
    events.onClose();
  }

  #watch(): void {
    if (this.#closed) return;
    const wanted = (this.#reading && !this.#ended ? EPOLLIN : 0) | (this.#full ? EPOLLOUT : 0);
    if (wanted === this.#watched) return;
    const { poller } = this.#around;
    if (this.#watched < 0) poller.add(this.#fd, wanted);
    else poller.change(this.#fd, wanted);
    this.#watched = wanted;
  }

  // ── for the loop ─────────────────────────────────────────────────────────────────────────────

  /** What comes is wanted. */
  get reads(): boolean {
    return this.#reading && !this.#ended;
  }

  get unasked(): boolean {
    return this.#events.unasked === true;
  }

  /** The poller's events of it. */
  ready(events: number): void {
    if (this.#closed) return;
    if ((events & EPOLLOUT) !== 0 && (events & (EPOLLERR | EPOLLHUP)) === 0) {
      this.#full = false;
      if (this.#writeRest()) {
        if (this.#parting) return this.#close(false);
        if (this.#shutdown) this.#around.kernel.shutdown(this.#fd);
        this.#events.onDrain();
      }
      if (this.#closed) return;
      this.#watch();
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) === 0) return;
    // Before a read takes it away. What had come before the fault can still be read.
    if ((events & EPOLLERR) !== 0) this.#fault = this.#around.kernel.error(this.#fd) || this.#fault;
    if (this.reads) {
      this.fetch();
      this.deliver(events);
    } else if (this.#broken || (events & EPOLLERR) !== 0) this.#lost();
    else if ((events & EPOLLHUP) !== 0) this.#hungUp();
  }

  /** Reads what came, to be handed out by `deliver`. */
  fetch(): void {
    const piece = pieces.take(this.#size);
    this.#piece = piece;
    this.#count = this.#around.kernel.read(this.#fd, piece, this.#size);
  }

  /** Hands out what `fetch` read, on these events of the poller. */
  deliver(events: number): void {
    const piece = this.#piece!;
    const count = this.#count;
    const size = this.#size;
    this.#piece = null;
    if (this.#closed) return void pieces.giveBack(piece);
    if (count > 0) {
      // Where it was filled there may be more.
      this.#size = sizeFor(count === size ? count + 1 : count);
      const spacious = count < size && (size === BULK_BYTES || this.#size < size);
      return this.#events.onData(this.kept && spacious ? fitted(piece, count) : piece, count);
    }
    pieces.giveBack(piece);
    if (count < 0) {
      if ((events & (EPOLLERR | EPOLLHUP)) !== 0) this.#lost();
      return;
    }
    // An end that nobody announced, and our direction with it: a reset whose error was taken.
    const reset = (events & EPOLLHUP) !== 0 && !this.#shutdown;
    if (reset || this.#broken || this.#fault !== 0) return this.#lost();
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
    this.#broken = true;
    const code = this.#fault || this.#around.kernel.error(this.#fd);
    this.#close(false, new Error(code === 0 ? "the connection closed" : nameOf(code)));
  }
}

/** The first `count` bytes in a piece with little more room: whoever keeps them keeps all of it. */
function fitted(piece: Buffer, count: number): Buffer {
  const fit = count > MEDIUM_BYTES ? Buffer.allocUnsafeSlow(count) : pieces.take(sizeFor(count));
  piece.copy(fit, 0, 0, count);
  pieces.giveBack(piece);
  return fit;
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
