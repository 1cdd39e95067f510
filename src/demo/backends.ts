// The demo's three backends: this same program, three times, so that one of them can be killed to
// see what the gateway does. They end with the pipe to their stdin, whatever becomes of the demo.

import { ownCommand } from "../cli/environment.ts";
import { EXIT, StartError } from "../shared/start-error.ts";

export interface DemoBackend {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  /** Resolves once it has ended. */
  stop(): Promise<void>;
}

const FIRST_PORT = 9001;

export async function startBackends(count: number): Promise<DemoBackend[]> {
  return await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const name = `backend-${index + 1}`;
      // A port that is taken is no reason to give up a demo.
      return (
        (await startOne(name, FIRST_PORT + index)) ?? (await startOne(name, 0)) ?? gaveUp(name)
      );
    }),
  );
}

async function startOne(name: string, port: number): Promise<DemoBackend | null> {
  const child = Bun.spawn({
    cmd: ownCommand([
      "hello",
      "--with-stdin",
      "--host=127.0.0.1",
      `--port=${port}`,
      `--name=${name}`,
    ]),
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  for await (const chunk of child.stdout) {
    const url = /http:\/\/\S+/.exec(new TextDecoder().decode(chunk))?.[0];
    if (url === undefined) break;
    const stop = async (): Promise<void> => {
      await child.stdin.end();
      await child.exited;
    };
    return { name, url, pid: child.pid, stop };
  }
  await child.exited;
  return null;
}

function gaveUp(name: string): never {
  throw new StartError(EXIT.unavailable, `the demo's ${name} did not start`);
}
