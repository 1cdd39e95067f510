// One TCP connection as both sides use it: writes that never lose the rest of a partial write, and
// reading that can be held back. Owned by a connection of the server or of the client.
// Always holds: bytes leave in the order of the writes; what the kernel did not take is kept here,
// and the owner's next write is told to wait for `drained`.

import type { Socket } from "bun";
import { pieces } from "../sockets/pieces.ts";

/**
 * Milliseconds without a byte after which the kernel asks whether the other side is still there, then
 * ten times a second apart: a peer that vanished without a word is found within 40 s, also on a
 * connection that may be silent for as long as it likes.
 */
export const KEEP_ALIVE_MS = 30_000;

/** Bytes: smaller pieces are left to the collector. */
const WORTH_RELEASING = 16_384;

export interface RawSocket extends Pick<
  Socket<unknown>,
  "write" | "pause" | "resume" | "shutdown" | "terminate" | "remoteAddress"
> {
  end(): void;
  /** What is read from now on may be kept for long. */
  keep?(): void;
}

export class Wire {
  readonly socket: RawSocket;
  closed = false;
  /** A write found the connection gone; its close has not been reported yet. */
  broken = false;
  /** Bytes that the kernel took. */
  sent = 0;
  /** Bytes kept here because the kernel did not take them. */
  queued = 0;
  paused = false;
  /** The other side ended its direction. */
  ended = false;
  #queue: Buffer[] = [];
  /** Released, yet parts of them may be in the queue. */
  #released: Buffer[] = [];
  #shutdownWhenSent = false;
  #closeWhenSent = false;
  #shutdown = false;

  constructor(socket: RawSocket) {
    this.socket = socket;
  }

  /**
   * Writes [start, end). False when it did not all go out: wait for `drained`. `transient`: the
   * caller will overwrite the bytes, so what is kept of them is copied.
   */
  write(bytes: Buffer, start: number, end: number, transient: boolean): boolean {
    if (this.closed || this.#shutdown) return false;
    if (this.queued === 0) {
      const taken = this.socket.write(bytes, start, end - start);
      // A negative count means that the connection is gone; its close is reported by itself.
      if (taken < 0) {
        this.broken = true;
        return false;
      }
      this.sent += taken;
      start += taken;
      if (start === end) return true;
    }
    const rest = bytes.subarray(start, end);
    this.#queue.push(transient ? Buffer.from(rest) : rest);
    this.queued += end - start;
    return false;
  }

  /** The kernel has room again. True when nothing is left to write. */
  drained(): boolean {
    while (this.#queue.length > 0 && !this.closed) {
      const bytes = this.#queue[0]!;
      const taken = this.socket.write(bytes, 0, bytes.length);
      if (taken < 0) return false;
      this.sent += taken;
      this.queued -= taken;
      if (taken < bytes.length) {
        this.#queue[0] = bytes.subarray(taken);
        return false;
      }
      this.#queue.shift();
    }
    this.#freeReleased();
    if (this.#closeWhenSent) this.close();
    else if (this.#shutdownWhenSent && !this.closed) this.#shutdownNow();
    return true;
  }

  /**
   * Nobody will look at these bytes again, but for what of them waits here to be written. Their memory
   * is given back at once or with the last of it: the collector knows nothing of what lies behind a
   * buffer, and would let a hundred megabytes of a fast body pile up.
   */
  release(bytes: Buffer): void {
    // A small piece was copied, if any of it waits.
    if (bytes.length < WORTH_RELEASING) pieces.giveBack(bytes);
    else if (this.queued === 0) free(bytes);
    else this.#released.push(bytes);
  }

  #freeReleased(): void {
    if (this.#released.length === 0) return;
    for (const bytes of this.#released) free(bytes);
    this.#released = [];
  }

  pause(): void {
    if (this.paused || this.closed) return;
    this.paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.paused || this.closed) return;
    this.paused = false;
    this.socket.resume();
  }

  /** Sends FIN once everything is written; reading goes on. */
  shutdown(): void {
    if (this.closed || this.#shutdown) return;
    if (this.queued > 0) this.#shutdownWhenSent = true;
    else this.#shutdownNow();
  }

  #shutdownNow(): void {
    this.#shutdown = true;
    if (this.ended) this.close();
    else this.socket.shutdown();
  }

  /** Closes both directions once everything is written. */
  finish(): void {
    if (this.queued > 0) this.#closeWhenSent = true;
    else this.close();
  }

  /** Closes both directions; what the kernel has is still sent. */
  close(): void {
    if (this.closed) return;
    this.#release();
    this.socket.end();
  }

  /** Resets the connection: the other side sees an error, not an end. */
  destroy(): void {
    if (this.closed) return;
    this.#release();
    this.socket.terminate();
  }

  /**
   * The socket reported that it is closed. True: the other side had ended its direction, which Bun's
   * sockets tell by this alone where ours was over already.
   */
  onClosed(error: Error | undefined): boolean {
    const ends = !this.closed && !this.ended && error === undefined;
    if (ends) this.ended = true;
    this.#release();
    return ends;
  }

  #release(): void {
    this.closed = true;
    this.queued = 0;
    this.#queue = [];
    this.#freeReleased();
  }
}

/** The bytes are gone: whoever still refers to them is wrong. */
function free(bytes: Buffer): void {
  if (pieces.giveBack(bytes)) return;
  (bytes.buffer as ArrayBuffer).transfer(0);
}
