// Where a command writes what was asked for: stdout or a file. Waits for a slow reader instead of
// filling memory; a reader that has left (`| head`) ends the program as it ends any other.

import { createWriteStream } from "node:fs";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { EXIT, StartError } from "../../shared/start-error.ts";

/** 128 + SIGPIPE: what a shell reports of a program whose reader has left. */
const READER_LEFT = 141;

export class Output {
  readonly #stream: Writable;
  #failed: Error | null = null;

  private constructor(stream: Writable, name: string) {
    this.#stream = stream;
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(READER_LEFT);
      this.#failed = cannotWrite(name, error);
    });
  }

  static stdout(): Output {
    return new Output(process.stdout, "stdout");
  }

  /**
   * Readable by its owner only: tokens and ids of clients are nobody else's business. `name`: what
   * somebody asked for, as the messages call it.
   */
  static file(path: string, name: string): Output {
    return new Output(createWriteStream(path, { mode: 0o600 }), name);
  }

  async write(text: string): Promise<void> {
    this.#check();
    if (text === "" || this.#stream.write(text)) return;
    await this.#drained();
    this.#check();
  }

  lines(lines: readonly string[]): Promise<void> {
    return this.write(lines.map((line) => `${line}\n`).join(""));
  }

  json(value: unknown): Promise<void> {
    return this.write(`${JSON.stringify(value)}\n`);
  }

  /** Resolves when all is written. */
  async end(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#stream.once("error", () => resolve());
      if (this.#stream === process.stdout) this.#stream.write("", () => resolve());
      else this.#stream.end(() => resolve());
    });
    this.#check();
  }

  /** Room again, or the end of it. */
  async #drained(): Promise<void> {
    const settled = new AbortController();
    const { signal } = settled;
    const events = ["drain", "close"].map((name) => once(this.#stream, name, { signal }));
    await Promise.race(events).catch(() => undefined);
    settled.abort();
  }

  #check(): void {
    if (this.#failed) throw this.#failed;
  }
}

/** For the person who named the file. */
export function cannotWrite(name: string, { code, message }: NodeJS.ErrnoException): StartError {
  return new StartError(
    EXIT.cannotCreate,
    `${name} cannot be written: ${(code && WORDS[code]) || message}`,
  );
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "its folder does not exist",
  ENOTDIR: "its folder is a file",
  EISDIR: "it is a folder",
  EACCES: "this user may not write there",
  EPERM: "this user may not write there",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
};
