// Why the gateway could not start, in words for the person who started it. Thrown while starting
// only; the command line prints the message in one line, without a stack, and exits with the code.

/** Exit codes, after BSD's sysexits.h, so that a supervisor can tell the causes apart. */
export const EXIT = {
  ok: 0,
  /** A stop that had to cut requests off, or a failed `check`. */
  failed: 1,
  /** The command line is wrong. */
  usage: 64,
  /** The database cannot be reached. */
  unavailable: 69,
  /** A bug. */
  software: 70,
  /** The database file cannot be created or written. */
  cannotCreate: 73,
  /** The address, or the database, is in use by another process. */
  inUse: 75,
  /** The system does not allow it, e.g. a port below 1024. */
  notPermitted: 77,
  /** The configuration is wrong. */
  config: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export class StartError extends Error {
  readonly exitCode: ExitCode;

  /** `message`: one line that names what failed and what to do; no secret, no stack. */
  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.name = "StartError";
    this.exitCode = exitCode;
  }
}
