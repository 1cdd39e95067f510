// Backends that are processes of their own, so that a test can kill one or freeze it as a machine would
// do it. Each answers with its name.

import { EXECUTABLE } from "./gateway.ts";

export class BackendProcess implements AsyncDisposable {
  readonly name: string;
  readonly port: number;
  #process: Bun.Subprocess;

  private constructor(name: string, port: number, process: Bun.Subprocess) {
    this.name = name;
    this.port = port;
    this.#process = process;
  }

  static async start(name: string): Promise<BackendProcess> {
    const { process, port } = await spawn(name, 0);
    return new BackendProcess(name, port, process);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
  /** What it answers with. */
  get body(): string {
    return `<h1>hello from ${this.name}</h1>\n`;
  }

  /** An orderly end. */
  async stop(): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.exited;
  }
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }
  /** It accepts connections (the system does) and never answers. */
  freeze(): void {
    this.#process.kill("SIGSTOP");
  }
  thaw(): void {
    this.#process.kill("SIGCONT");
  }
  /** Listens again on the same port. */
  async restart(): Promise<void> {
    this.#process = (await spawn(this.name, this.port)).process;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.kill();
  }
}

async function spawn(
  name: string,
  port: number,
): Promise<{ process: Bun.Subprocess; port: number }> {
  const child = Bun.spawn(
    [EXECUTABLE, "hello", "--host", "127.0.0.1", "--port", `${port}`, "--name", name],
    { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  let text = "";
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    const listening = /^listening on http:\/\/\S+:(\d+)$/m.exec(text);
    if (listening) return { process: child, port: Number(listening[1]) };
  }
  throw new Error(`the backend ${name} ended before it listened`);
}
