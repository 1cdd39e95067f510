// A TCP client for tests: sends bytes exactly as given and lets a test wait for what comes back, for
// requests that no HTTP client would send and for clients that read slowly, stop or leave.

export class RawClient {
  /** Everything received, one character a byte; empty when the client only counts. */
  text = "";
  received = 0;
  closed = false;
  readonly #socket: Bun.Socket<undefined>;
  #changed = Promise.withResolvers<void>();
  #drained = Promise.withResolvers<void>();

  private constructor(socket: Bun.Socket<undefined>) {
    this.#socket = socket;
  }

  /** `keep: false`: only counts the bytes, for large answers. */
  static async connect(port: number, options: { keep?: boolean } = {}): Promise<RawClient> {
    const keep = options.keep ?? true;
    let client: RawClient | null = null;
    const socket = await Bun.connect<undefined>({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, data) => {
          client!.received += data.length;
          if (keep) client!.text += data.toString("latin1");
          client!.#wake();
        },
        drain: () => {
          client!.#drained.resolve();
          client!.#drained = Promise.withResolvers();
        },
        close: () => {
          client!.closed = true;
          client!.#wake();
        },
        error: () => {},
      },
    });
    client = new RawClient(socket);
    return client;
  }

  /** Sends all of it; settles when the kernel has taken the last byte. */
  async send(data: string | Uint8Array): Promise<void> {
    let left = typeof data === "string" ? Buffer.from(data, "latin1") : data;
    for (;;) {
      const { promise } = this.#drained;
      const written = this.#socket.write(left);
      if (written >= left.length || this.closed) return;
      left = left.subarray(Math.max(0, written));
      await promise;
    }
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Settles as soon as `seen` holds; rejects when the connection closed without it. */
  async until(seen: (client: RawClient) => boolean): Promise<this> {
    while (!seen(this)) {
      if (this.closed) throw new Error(`closed after: ${JSON.stringify(this.text.slice(-500))}`);
      await this.#changed.promise;
    }
    return this;
  }

  async untilClosed(): Promise<this> {
    while (!this.closed) await this.#changed.promise;
    return this;
  }

  /** Sends one request and waits for the end of its answer, which must have a length or be chunked. */
  async exchange(request: string): Promise<RawAnswer> {
    const from = this.text.length;
    await this.send(request);
    await this.until((client) => parseAnswer(client.text.slice(from)) !== null);
    return parseAnswer(this.text.slice(from))!;
  }

  /** Leaves without a word. */
  leave(): void {
    this.#socket.terminate();
  }

  [Symbol.dispose](): void {
    this.leave();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

export interface RawAnswer {
  readonly status: number;
  readonly statusText: string;
  /** Lower-case names and values, in order, repeats included. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** Values of a header, in order. */
export function valuesOf(message: { headers: RawAnswer["headers"] }, name: string): string[] {
  return message.headers.filter(([key]) => key === name).map(([, value]) => value);
}

/** The header lines of a message, its start line excluded. */
export function parseHeaders(head: string): (readonly [string, string])[] {
  return head
    .split("\r\n")
    .slice(1)
    .map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    });
}

/** Null while the answer is not complete. Interim answers (1xx) are skipped. */
function parseAnswer(text: string): RawAnswer | null {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const head = text.slice(0, end);
  const match = /^HTTP\/1\.1 (\d{3}) ?(.*)/.exec(head)!;
  const status = Number(match[1]);
  const rest = text.slice(end + 4);
  if (status < 200) return parseAnswer(rest);
  const headers = parseHeaders(head);
  const message = { status, statusText: match[2]!, headers };
  const length = valuesOf(message, "content-length")[0];
  if (valuesOf(message, "transfer-encoding").length > 0) {
    const body = dechunk(rest);
    return body === null ? null : { ...message, body };
  }
  if (length === undefined) return { ...message, body: "" };
  return rest.length < Number(length) ? null : { ...message, body: rest.slice(0, Number(length)) };
}

/** The content of a chunked body; null while it is not complete. */
export function dechunk(text: string): string | null {
  let body = "";
  for (let at = 0; ;) {
    const line = text.indexOf("\r\n", at);
    if (line < 0) return null;
    const size = Number.parseInt(text.slice(at, line), 16);
    if (size === 0) return body;
    if (text.length < line + 4 + size) return null;
    body += text.slice(line + 2, line + 2 + size);
    at = line + 4 + size;
  }
}
