// Why the gateway could not start, or a command could not do its work, in words for the person who
// gave it. Thrown for that only; the command line prints the message in one line, without a stack,
// and exits with the code.

/** Exit codes, after BSD's sysexits.h, so that a supervisor can tell the causes apart. */
export const EXIT = {
  ok: 0,
  /** A stop that had to cut requests off, a failed `check`, a client that does not exist. */
  failed: 1,
  /** The command line is wrong. */
  usage: 64,
  /** A row of an import is not acceptable. */
  data: 65,
  /** A file to read from does not exist or cannot be read. */
  noInput: 66,
  /** The database, or the gateway that a command asks, cannot be reached. */
  unavailable: 69,
  /** A bug. */
  software: 70,
  /** The database file, or that of an export, cannot be created or written. */
  cannotCreate: 73,
  /** The address, or the database, is in use by another process. */
  inUse: 75,
  /** Not allowed: by the system, e.g. a port below 1024, or by the gateway that a command asks. */
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
