// Starts the compiled executable as a user would: in an empty folder, configured by its environment,
// on a free port, and reads its log lines. Every gateway a test starts ends with the test.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const EXECUTABLE = join(import.meta.dir, "..", "..", "gateway");

export interface LogLine {
  readonly level: string;
  readonly component?: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface GatewayOptions {
  readonly backends?: readonly string[];
  readonly env?: Record<string, string>;
  /** Folder to run in; a new empty one when omitted. */
  readonly cwd?: string;
  readonly args?: readonly string[];
  /** What to run instead of the compiled executable. */
  readonly command?: readonly string[];
  /** Sends it SIGTERM, also before it listens. */
  readonly stop?: AbortSignal;
}

const START_TIMEOUT_MS = 20_000;

export class Gateway implements AsyncDisposable {
  readonly lines: LogLine[] = [];
  /** Lines that are not JSON: anything here is a leak of raw text into the log. */
  readonly rawLines: string[] = [];
  port = 0;
  #waiting: { matches: (line: LogLine) => boolean; resolve: (line: LogLine) => void }[] = [];

  private constructor(
    readonly process: Bun.Subprocess<"ignore", "pipe", "pipe">,
    readonly cwd: string,
    readonly ownsCwd: boolean,
    readonly stderr: Promise<string>,
  ) {}

  static async start(options: GatewayOptions = {}): Promise<Gateway> {
    const cwd = options.cwd ?? (await mkdtemp(join(tmpdir(), "gateway-e2e-")));
    const child = Bun.spawn([...(options.command ?? [EXECUTABLE]), ...(options.args ?? [])], {
      cwd,
      // Nothing of the developer's own environment may leak into the run.
      env: {
        PATH: process.env["PATH"] ?? "",
        HOST: "127.0.0.1",
        PORT: "0",
        WORKERS: "2",
        LOG_FORMAT: "json",
        BACKENDS: (options.backends ?? []).join(","),
        ...options.env,
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      ...(options.stop && { signal: options.stop, killSignal: "SIGTERM" as const }),
    });
    const gateway = new Gateway(child, cwd, !options.cwd, new Response(child.stderr).text());
    void gateway.#read();
    const listening = gateway.log((line) => line.message === "listening");
    const failed = child.exited.then(async (code) => {
      throw new Error(`gateway exited with ${code} before listening: ${await gateway.stderr}`);
    });
    const late = Bun.sleep(START_TIMEOUT_MS).then(() => {
      throw new Error(`gateway did not listen within ${START_TIMEOUT_MS} ms`);
    });
    failed.catch(() => {});
    late.catch(() => {});
    try {
      gateway.port = (await Promise.race([listening, failed, late]))["port"] as number;
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves with the first line, from the `since`th on or still to come, that matches. */
  log(matches: (line: LogLine) => boolean, since = 0): Promise<LogLine> {
    const seen = this.lines.slice(since).find(matches);
    if (seen) return Promise.resolve(seen);
    return new Promise((resolve) => this.#waiting.push({ matches, resolve }));
  }

  api(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`${this.url}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
  }

  async createClient(client: {
    client_id: string;
    capacity: number;
    rate_per_sec: number;
    current_tokens?: number;
  }): Promise<void> {
    const answer = await this.api("POST", "/clients", client);
    if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  }

  /** SIGTERM, then the exit code. */
  async stop(): Promise<number> {
    if (this.process.exitCode === null) this.process.kill("SIGTERM");
    return await this.process.exited;
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.kill();
    if (this.ownsCwd) await rm(this.cwd, { recursive: true, force: true });
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.process.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#heard(line);
    }
  }

  #heard(text: string): void {
    let line: LogLine;
    try {
      line = JSON.parse(text) as LogLine;
    } catch {
      this.rawLines.push(text);
      return;
    }
    this.lines.push(line);
    this.#waiting = this.#waiting.filter(({ matches, resolve }) => {
      if (!matches(line)) return true;
      resolve(line);
      return false;
    });
  }
}
