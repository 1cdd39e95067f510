// Writes log lines to a file descriptor (stdout) without ever making the caller wait: one
// asynchronous write at a time, the next one carries everything that came meanwhile. Main thread
// only. Memory is bounded: when the reader is slow, new lines are dropped and counted, and one line
// says so as soon as there is room. A reader that is gone (EPIPE) ends the log, not the gateway.

import { write } from "node:fs";
import type { LineWriter } from "../shared/log.ts";

export interface LogOutputOptions {
  /** File descriptor; 1 is stdout. */
  readonly fd?: number;
  /** Most UTF-16 units that wait for the reader. */
  readonly maxWaiting?: number;
  /** Makes the line that reports lost lines. */
  readonly onDropped?: (count: number) => string;
}

/** How long to wait before a full pipe that does not block is tried again, in milliseconds. */
const RETRY_MS = 20;

export class LogOutput implements LineWriter {
  readonly #fd: number;
  readonly #maxWaiting: number;
  readonly #onDropped: (count: number) => string;
  #waiting = "";
  #dropped = 0;
  #gone = false;
  #writing = false;
  #idle: (() => void)[] = [];

  constructor(options: LogOutputOptions = {}) {
    this.#fd = options.fd ?? 1;
    this.#maxWaiting = options.maxWaiting ?? 4 * 1024 * 1024;
    this.#onDropped = options.onDropped ?? ((count) => `${count} log lines were lost\n`);
  }

  write(lines: string): void {
    if (this.#gone) return;
    if (this.#waiting.length + lines.length > this.#maxWaiting) {
      this.#dropped += countLines(lines);
      return;
    }
    this.#waiting += lines;
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
    while (!this.#gone && (this.#waiting !== "" || this.#dropped > 0)) {
      const [lines, dropped] = [this.#waiting, this.#dropped];
      this.#waiting = "";
      this.#dropped = 0;
      const report = dropped > 0 ? this.#onDropped(dropped) : "";
      if (await this.#writeAll(Buffer.from(lines + report))) continue;
      // A full disk: counted as lost, and the next line tries again.
      this.#dropped += dropped + countLines(lines);
      break;
    }
    this.#writing = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** False when the rest cannot be written now. */
  async #writeAll(bytes: Buffer): Promise<boolean> {
    let offset = 0;
    while (offset < bytes.length) {
      const { code, written } = await this.#writeSome(bytes.subarray(offset));
      offset += written;
      if (code === undefined) continue;
      if (code !== "EAGAIN") {
        this.#gone = code === "EPIPE" || code === "EBADF";
        return false;
      }
      await Bun.sleep(RETRY_MS);
    }
    return true;
  }

  #writeSome(bytes: Buffer): Promise<{ code: string | undefined; written: number }> {
    return new Promise((resolve) => {
      write(this.#fd, bytes, 0, bytes.length, null, (error, written) => {
        resolve({ code: error?.code, written: error ? 0 : written });
      });
    });
  }
}

function countLines(lines: string): number {
  let count = 0;
  for (let at = lines.indexOf("\n"); at !== -1; at = lines.indexOf("\n", at + 1)) count++;
  return count;
}
