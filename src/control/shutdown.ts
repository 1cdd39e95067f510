// Hears SIGTERM and SIGINT: the first one asks for an orderly stop, a second one ends the process
// at once with the code that a shell gives to a process ended by that signal.

import type { Logger } from "../shared/log.ts";

/** 128 plus the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof EXIT_CODES;

export class Shutdown {
  readonly #asked = Promise.withResolvers<void>();
  #signals = 0;

  constructor(log: Logger) {
    for (const signal of Object.keys(EXIT_CODES) as StopSignal[]) {
      process.on(signal, () => {
        this.#signals++;
        if (this.#signals > 1) process.exit(EXIT_CODES[signal]);
        log.info("stopping", { signal });
        this.#asked.resolve();
      });
    }
  }

  /** Resolves when a stop is asked for. */
  get requested(): Promise<void> {
    return this.#asked.promise;
  }
}
