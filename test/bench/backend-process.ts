// The backends of a benchmark in a process of their own, on the core of the load.

import { join } from "node:path";
import { LOAD_CORE, pinned } from "./process.ts";

/** Runs `work` with the origins of backends that last as long as it. */
export async function withBackends(
  work: (origins: readonly string[]) => Promise<void>,
): Promise<void> {
  const backends = Bun.spawn(
    pinned(LOAD_CORE, [process.execPath, join(import.meta.dir, "backends.ts")]),
    { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  try {
    const { value } = await backends.stdout.getReader().read();
    const ports = JSON.parse(new TextDecoder().decode(value)) as number[];
    await work(ports.map((port) => `http://127.0.0.1:${port}`));
  } finally {
    backends.kill();
  }
}
