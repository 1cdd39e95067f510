// Load that never lets up, over plain sockets, and counts every request to its end: what a client
// sees that repeats nothing. A connection that breaks before the whole answer is a failure.

export interface LoadOptions {
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  /** A new connection for each request; otherwise one as long as the server keeps it. */
  readonly reconnect?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** Stops after so many requests. */
  readonly requests?: number;
  /** Milliseconds each connection waits between two requests. */
  readonly pauseMs?: number;
  /** An answer that takes longer is a failure. Default 20 s. */
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export class SteadyLoad {
  /** Answers by status. */
  readonly statuses = new Map<number, number>();
  /** What went wrong, by its words. */
  readonly failures = new Map<string, number>();
  /** Answers whose body the check refused; the first few. */
  readonly wrong: string[] = [];
  slowestMs = 0;
  started = 0;
  readonly done: Promise<void>;
  #stopped = false;
  readonly #options: LoadOptions;
  readonly #check: (answer: Answer) => boolean;

  constructor(options: LoadOptions, check: (answer: Answer) => boolean = () => true) {
    this.#options = options;
    this.#check = check;
    const loops = Array.from({ length: options.connections }, () => this.#loop());
    this.done = Promise.all(loops).then(() => undefined);
  }

  get answered(): number {
    return [...this.statuses.values()].reduce((sum, count) => sum + count, 0);
  }
  get failed(): number {
    return [...this.failures.values()].reduce((sum, count) => sum + count, 0);
  }
  /** How many answers had this status. */
  with(status: number): number {
    return this.statuses.get(status) ?? 0;
  }

  /** Begins no more requests; resolves when all that began have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.done;
  }

  /** Resolves when so many more requests have been answered. */
  async more(count: number): Promise<void> {
    const target = this.answered + count;
    while (this.answered < target && !this.#stopped) await Bun.sleep(2);
  }

  async #loop(): Promise<void> {
    const { requests = Infinity, pauseMs = 0 } = this.#options;
    let connection: ClientConnection | null = null;
    while (!this.#stopped && this.started < requests) {
      this.started += 1;
      const before = performance.now();
      try {
        connection ??= await ClientConnection.open(this.#options);
        const answer = await connection.ask();
        this.statuses.set(answer.status, (this.statuses.get(answer.status) ?? 0) + 1);
        if (!this.#check(answer) && this.wrong.length < 5) this.wrong.push(JSON.stringify(answer));
      } catch (error) {
        const words = (error as Error).message;
        this.failures.set(words, (this.failures.get(words) ?? 0) + 1);
        connection?.close();
        connection = null;
        // A port where nobody listens fails at once.
        await Bun.sleep(1);
      }
      this.slowestMs = Math.max(this.slowestMs, performance.now() - before);
      if (connection?.over) connection = null;
      if (pauseMs > 0) await Bun.sleep(pauseMs);
    }
    connection?.close();
  }
}

class ClientConnection {
  over = false;
  readonly #request: string;
  readonly #timeoutMs: number;
  #socket!: Bun.Socket<undefined>;
  #received = "";
  #waiting: PromiseWithResolvers<Answer> | null = null;

  private constructor({ path, reconnect, headers = {}, timeoutMs = 20_000 }: LoadOptions) {
    const fields = Object.entries({
      Host: "localhost",
      ...(reconnect ? { Connection: "close" } : {}),
      ...headers,
    });
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    this.#request = `GET ${path} HTTP/1.1\r\n${lines}\r\n`;
    this.#timeoutMs = timeoutMs;
  }

  static async open(options: LoadOptions): Promise<ClientConnection> {
    const connection = new ClientConnection(options);
    connection.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port: options.port,
      socket: {
        data: (_, bytes) => connection.#receive(bytes.toString("latin1")),
        end: () => connection.#lost("the connection ended before its answer"),
        close: () => connection.#lost("the connection ended before its answer"),
        error: (_, error) => connection.#lost(error.message),
      },
    });
    return connection;
  }

  async ask(): Promise<Answer> {
    this.#waiting = Promise.withResolvers();
    const timer = setTimeout(
      () => this.#waiting?.reject(new Error("no answer in time")),
      this.#timeoutMs,
    );
    if (this.over) this.#lost("the connection ended before its answer");
    else this.#socket.write(this.#request);
    try {
      return await this.#waiting.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting = null;
    }
  }

  close(): void {
    this.over = true;
    this.#socket.end();
  }

  #lost(why: string): void {
    this.over = true;
    this.#waiting?.reject(new Error(why));
  }

  #receive(text: string): void {
    this.#received += text;
    const head = this.#received.indexOf("\r\n\r\n");
    if (head < 0) return;
    const lines = this.#received.slice(0, head);
    const start = head + 4;
    const length = /^content-length: *(\d+)/im.exec(lines)?.[1];
    let end = length === undefined ? -1 : start + Number(length);
    let body = this.#received.slice(start, end);
    if (/^transfer-encoding: *chunked/im.test(lines)) {
      const last = this.#received.indexOf("0\r\n\r\n", start);
      end = last < 0 ? Infinity : last + 5;
      body = this.#received.slice(start, last);
    }
    if (end < 0) return this.#waiting?.reject(new Error("an answer without a length"));
    if (this.#received.length < end) return;
    const rest = this.#received.slice(end);
    this.#received = "";
    if (rest !== "") return this.#waiting?.reject(new Error("bytes after an answer"));
    this.#waiting?.resolve({ status: Number(lines.slice(9, 12)), body });
    if (/^connection: *close/im.test(lines)) this.close();
  }
}
