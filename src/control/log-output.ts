// Writes log lines to a file descriptor (stdout) without ever making the caller wait: one
// asynchronous write at a time, the next one carries everything that came meanwhile. Main thread
// only. Memory is bounded: when the reader is slow, new lines are dropped and counted, and one line
// says so as soon as there is room. A disk that is full may tear a line; the next one begins anew all
// the same. A reader that is gone (EPIPE) ends the log, not the gateway.

import { write } from "node:fs";
import type { LineOutput } from "../shared/log.ts";

export interface LogOutputOptions {
  /** File descriptor; 1 is stdout. */
  readonly fd?: number;
  /** Most bytes that wait for the reader. */
  readonly maxWaiting?: number;
  /** Makes the line that reports lost lines. */
  readonly onDropped?: (count: number) => string;
}

/** How long to wait before a full pipe that does not block is tried again, in milliseconds. */
const RETRY_MS = 20;

export class LogOutput implements LineOutput {
  readonly #fd: number;
  readonly #maxWaiting: number;
  readonly #onDropped: (count: number) => string;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  /** What has left ends in the middle of a line. */
  #torn = false;
  #gone = false;
  #writing = false;
  #idle: (() => void)[] = [];

  constructor(options: LogOutputOptions = {}) {
    this.#fd = options.fd ?? 1;
    this.#maxWaiting = options.maxWaiting ?? 4 * 1024 * 1024;
    this.#onDropped = options.onDropped ?? ((count) => `${count} log lines were lost\n`);
  }

  /** Text, or bytes in UTF-8 that do not change any more. */
  write(lines: string | Uint8Array): void {
    if (this.#gone) return;
    const bytes = typeof lines === "string" ? Buffer.from(lines) : lines;
    if (this.#waitingBytes + bytes.length > this.#maxWaiting) {
      this.#dropped += countLines(bytes);
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#writing) return;
    this.#writing = true;
    // Lines of the same turn share one write.
    setImmediate(() => void this.#drain());
  }

  /** Resolves when everything written so far has left, or after `timeoutMs`. */
  async flush(timeoutMs: number): Promise<void> {
    if (!this.#writing) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#idle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  async #drain(): Promise<void> {
    while (!this.#gone && (this.#waiting.length > 0 || this.#dropped > 0)) {
      const [waiting, dropped] = [this.#waiting, this.#dropped];
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#dropped = 0;
      const torn = this.#torn;
      const pieces = torn ? [LINE_END, ...waiting] : waiting;
      const report = dropped > 0 ? Buffer.from(this.#onDropped(dropped)) : NOTHING;
      if (dropped > 0) pieces.push(report);
      const lines = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
      const written = await this.#writeAll(lines);
      if (written > 0) this.#torn = lines[written - 1] !== LF;
      if (written === lines.length) continue;
      // A full disk: the rest is counted as lost, and the next line tries again. The end of a torn
      // line and the report of what was lost before are no lines of their own.
      this.#dropped += countLines(lines.subarray(written));
      if (torn && written === 0) this.#dropped--;
      this.#dropped += dropped - countLines(report);
      break;
    }
    this.#writing = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** How many of the bytes have left: less than all when the rest cannot be written now. */
  async #writeAll(bytes: Uint8Array): Promise<number> {
    let offset = 0;
    while (offset < bytes.length) {
      const { code, written } = await this.#writeSome(bytes.subarray(offset));
      offset += written;
      if (code === undefined) continue;
      if (code !== "EAGAIN") {
        this.#gone = code === "EPIPE" || code === "EBADF";
        break;
      }
      await Bun.sleep(RETRY_MS);
    }
    return offset;
  }

  #writeSome(bytes: Uint8Array): Promise<{ code: string | undefined; written: number }> {
    return new Promise((resolve) => {
      write(this.#fd, bytes, 0, bytes.length, null, (error, written) => {
        resolve({ code: error?.code, written: error ? 0 : written });
      });
    });
  }
}

const LF = 10;
const LINE_END = Buffer.of(LF);
const NOTHING = Buffer.alloc(0);

function countLines(lines: Uint8Array): number {
  let count = 0;
  for (let at = lines.indexOf(LF); at !== -1; at = lines.indexOf(LF, at + 1)) count++;
  return count;
}
