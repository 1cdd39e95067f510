// `gateway serve`: configuration, logs, then the gateway itself until it has stopped.

import { fstatSync, statSync } from "node:fs";
import { type Config, loadConfig } from "../config.ts";
import { LogOutput } from "../control/log-output.ts";
import { createLogger, type Logger } from "../shared/log.ts";
import { EXIT, StartError } from "../shared/start-error.ts";

/** How long a stop waits for a reader of the log that does not read, in milliseconds. */
const FLUSH_MS = 1_000;

export interface ServeOptions {
  readonly config: Config;
  readonly warnings: readonly string[];
  /** Replace the gateway that runs on this port and database, if there is one. */
  readonly takeover?: boolean;
  /** Called once, when the public port answers. */
  readonly onListening?: (address: Listening) => void;
}

export interface Listening {
  readonly host: string;
  /** The real port, also when 0 was asked for. */
  readonly port: number;
  readonly output: LogOutput;
  readonly log: Logger;
}

export async function serve(file: string | null, takeover: boolean): Promise<number> {
  const loaded = loadConfig({ file, env: process.env, terminal: isTerminal() });
  if (!loaded.ok) throw new StartError(EXIT.config, loaded.problems.join("\n"));
  return await runGateway({ ...loaded, takeover });
}

/** Asking `process.stdout` loads the streams of Node, 6 ms: only where it may be a terminal. */
function isTerminal(): boolean {
  try {
    const stdout = fstatSync(1);
    if (!stdout.isCharacterDevice() || stdout.rdev === statSync("/dev/null").rdev) return false;
  } catch {
    // Closed, or a system without either: the long way knows.
  }
  return process.stdout.isTTY;
}

/** Resolves with the exit code once the gateway has stopped. Throws `StartError`. */
export async function runGateway(options: ServeOptions): Promise<number> {
  const { config, takeover = false, onListening } = options;
  const { level, format } = config.log;
  const output = new LogOutput({
    onDropped: (count) => {
      let line = "";
      const writer = { write: (text: string) => (line = text) };
      createLogger({ level: "warn", format, component: "log", writer }).warn(
        "lines were lost: the reader of the log is too slow, or the disk it goes to is full",
        { count },
      );
      return line;
    },
  });
  const log = createLogger({ level, format, component: "gateway", writer: output });
  for (const warning of options.warnings) log.warn(warning);
  try {
    // Imported late, so that the other commands start without loading the gateway.
    const { run } = await import("../main.ts");
    return await run(config, {
      log,
      output,
      takeover,
      onListening: ({ host, port }) => onListening?.({ host, port, output, log }),
    });
  } finally {
    await output.flush(FLUSH_MS);
  }
}
