// Hears SIGTERM, SIGINT and SIGHUP: the first one asks for an orderly stop, a second one ends the
// process at once with the code that a shell gives to a process ended by that signal.

import { readFileSync } from "node:fs";
import type { Logger } from "../shared/log.ts";

/** 128 plus the signal's number. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof EXIT_CODES;

export class Shutdown {
  readonly #asked = Promise.withResolvers<void>();
  #signals = 0;

  constructor(log: Logger) {
    for (const signal of Object.keys(EXIT_CODES) as StopSignal[]) {
      if (signal === "SIGHUP" && !endsByHangup()) continue;
      process.on(signal, () => {
        this.#signals++;
        if (this.#signals > 1) process.exit(EXIT_CODES[signal]);
        log.info("stopping", { signal });
        this.#asked.resolve();
      });
    }
  }

  /** A stop has been asked for. */
  get asked(): boolean {
    return this.#signals > 0;
  }

  /** Resolves when a stop is asked for. */
  get requested(): Promise<void> {
    return this.#asked.promise;
  }
}

/**
 * Whether a closed terminal would end this process. With `nohup` it would not, and hearing the signal
 * would undo that; where the system does not say (macOS), it is left as it was.
 */
function endsByHangup(): boolean {
  try {
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"));
    return ignored !== null && (BigInt(`0x${ignored[1]}`) & 1n) === 0n;
  } catch {
    return false;
  }
}
