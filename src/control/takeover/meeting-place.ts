// Where a running gateway can be asked to hand over: a unix socket that only its own user can reach,
// at a path that follows from the configuration, so that the next process finds it.

import { existsSync, lstatSync, mkdirSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { DatabaseConfig } from "../../config.ts";

/** The system takes at most 107 bytes. */
const LONGEST_PATH = 107;

export interface MeetingPlaceOptions {
  readonly database: DatabaseConfig;
  /** As configured. */
  readonly host: string;
  /** The real one. */
  readonly port: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Beside the file of an embedded database. Otherwise by host and port in a folder of the user's own
 * below `XDG_RUNTIME_DIR` or the system's folder for temporary files, created when it is missing.
 * Throws an `Error` when that folder is open to others.
 */
export function meetingPlace(options: MeetingPlaceOptions): string {
  const { database, host, port, env = process.env } = options;
  if (database.kind === "sqlite" && database.path !== ":memory:") {
    const path = `${realFile(database.path)}-takeover`;
    if (Buffer.byteLength(path) <= LONGEST_PATH) return path;
  }
  const folder = join(env["XDG_RUNTIME_DIR"] || tmpdir(), `gateway-${process.getuid?.() ?? 0}`);
  return join(ownFolder(folder), `${host.replaceAll("/", "_")}-${port}`);
}

/** The same by whatever links it is reached. Its folder has to be there, it has not. */
function realFile(path: string): string {
  return existsSync(path) ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path));
}

/** In a folder that everybody may write to, another user may have been there first. */
function ownFolder(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(path);
  const isFolder = (mode & 0o170000) === 0o040000;
  if (!isFolder || uid !== (process.getuid?.() ?? uid) || (mode & 0o077) !== 0) {
    throw new Error(`${path} is not a folder of this user alone`);
  }
  return path;
}
