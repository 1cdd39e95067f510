// One connection between two gateway processes, with questions and answers in both directions: a
// line of JSON each. Used by both sides of a takeover; holds no state of either.

import type { Socket } from "node:net";

/** What one side can be asked for, by name. Rejects with an `Error` whose message goes back. */
export type Answers = Readonly<Record<string, (body: never) => unknown>>;

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

type Line =
  | { readonly ask: number; readonly what: string; readonly body: unknown }
  | { readonly answer: number; readonly value: unknown }
  | { readonly refusal: number; readonly reason: string };

export class Channel {
  /** Settles when the connection is gone. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #answers: Answers;
  readonly #pending = new Map<number, Pending>();
  #last = 0;
  #pieces: Buffer[] = [];

  constructor(socket: Socket, answers: Answers) {
    this.#socket = socket;
    this.#answers = answers;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.on("data", (bytes: Buffer) => this.#receive(bytes));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      for (const { reject } of this.#pending.values()) reject(new Error("it has ended"));
      this.#pending.clear();
      resolve();
    });
  }

  /** Rejects with an `Error`: refused, or the other side is gone or gave no answer in time. */
  async ask<T>(what: string, body: unknown, timeoutMs: number): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    if (this.#socket.destroyed) throw new Error("it has ended");
    const ask = ++this.#last;
    this.#pending.set(ask, { resolve, reject });
    const timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    this.#send({ ask, what, body });
    try {
      return (await promise) as T;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(ask);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Closes once everything is sent. */
  end(): void {
    this.#socket.end();
  }

  #send(line: Line): void {
    if (!this.#socket.destroyed) this.#socket.write(`${JSON.stringify(line)}\n`);
  }

  #receive(bytes: Buffer): void {
    let rest = bytes;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      this.#pieces.push(rest.subarray(0, end));
      const text = Buffer.concat(this.#pieces).toString();
      this.#pieces = [];
      rest = rest.subarray(end + 1);
      this.#heard(text);
    }
    if (rest.length > 0) this.#pieces.push(rest);
  }

  #heard(text: string): void {
    let line: Line;
    try {
      line = JSON.parse(text) as Line;
    } catch {
      return this.close();
    }
    if ("ask" in line) return void this.#answer(line.ask, line.what, line.body);
    if ("answer" in line) return this.#pending.get(line.answer)?.resolve(line.value);
    this.#pending.get(line.refusal)?.reject(new Error(line.reason));
  }

  async #answer(ask: number, what: string, body: unknown): Promise<void> {
    try {
      const answer = Object.hasOwn(this.#answers, what) ? this.#answers[what] : undefined;
      if (!answer) throw new Error(`it does not know ${JSON.stringify(what)}`);
      this.#send({ answer: ask, value: (await answer(body as never)) ?? null });
    } catch (error) {
      this.#send({ refusal: ask, reason: error instanceof Error ? error.message : String(error) });
    }
  }
}
