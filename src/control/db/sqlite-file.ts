// The file of a SQLite database: who may read it, and that only one process uses it. The process
// lock is a second, empty database held in an exclusive transaction: the system drops it with the
// process, however that ends, and other programs can still read the database itself.

import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
  statSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { Database } from "bun:sqlite";
import { EXIT, StartError } from "../../shared/start-error.ts";
import type { Logger } from "../../shared/log.ts";

/** Client ids may be secrets of a kind (API keys), so nobody else reads them. */
const OWNER_ONLY = 0o600;
export const NOT_INTACT = "it is not an intact SQLite database";
/** How every database begins (https://www.sqlite.org/fileformat.html#magic_header_string). */
const MAGIC = Buffer.from("SQLite format 3\0", "latin1");

/**
 * Creates the file if it is missing. SQLite gives its `-wal` and `-shm` files the same mode. A file
 * that others may read is tightened, and a line of the log says so.
 */
export function prepareFile(path: string, log: Logger): void {
  let reason: string | null;
  try {
    // Opened and closed before SQLite opens it: closing any descriptor of a file drops the POSIX
    // locks that the process holds on it.
    const fd = openSync(path, constants.O_CREAT | constants.O_RDWR, OWNER_ONLY);
    reason = isDatabase(fd) ? null : NOT_INTACT;
    closeSync(fd);
  } catch (error) {
    reason = whyNot(path, error);
  }
  // A file of somebody else's keeps its mode, and gets no lock beside it.
  if (reason !== null) {
    throw new StartError(EXIT.cannotCreate, `Database ${path} cannot be used: ${reason}.`);
  }
  for (const file of [path, `${path}-wal`, `${path}-shm`]) tighten(file, log);
}

/** Or a new file, which is empty. */
function isDatabase(fd: number): boolean {
  const file = fstatSync(fd);
  if (!file.isFile()) return false;
  if (file.size === 0) return true;
  const start = Buffer.alloc(MAGIC.length);
  readSync(fd, start, 0, start.length, 0);
  return start.equals(MAGIC);
}

/** So that no garbage collection closes a lock of which only the effect is wanted. */
const held = new Set<Database>();

/** Of a file that is there. Holds the lock until `unlockFile()` or the end of the process. */
export function lockFile(path: string): Database {
  let lockPath = path;
  try {
    // One lock, whatever links lead to the file.
    lockPath = `${realpathSync(path)}-lock`;
    closeSync(openSync(lockPath, constants.O_CREAT | constants.O_RDWR, OWNER_ONLY));
    const lock = new Database(lockPath);
    // The transaction writes nothing, so no journal needs to be on disk.
    lock.run("PRAGMA journal_mode = MEMORY");
    lock.run("BEGIN EXCLUSIVE");
    held.add(lock);
    return lock;
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith("SQLITE_BUSY")) {
      throw new StartError(
        EXIT.inUse,
        `Database ${path} is in use by another gateway process; replace it by serve --takeover, or choose another DATABASE_URL, where gateways that share one need PostgreSQL.`,
      );
    }
    const message = `Database ${path} cannot be locked: ${whyNot(lockPath, error)}.`;
    throw new StartError(EXIT.cannotCreate, message);
  }
}

export function unlockFile(lock: Database): void {
  held.delete(lock);
  lock.close();
}

function tighten(path: string, log: Logger): void {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  if (mode === undefined || (mode & 0o077) === 0) return;
  const was = (mode & 0o777).toString(8).padStart(4, "0");
  try {
    chmodSync(path, OWNER_ONLY);
    log.warn("database file was open to other users, now it is not", { path, was });
  } catch {
    log.warn("database file is open to other users", { path, mode: was });
  }
}

function whyNot(path: string, error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  const folder = dirname(resolve(path));
  switch (code) {
    case "ENOENT":
      return `folder ${folder} does not exist`;
    case "ENOTDIR":
      return `${folder} is not a folder`;
    case "EISDIR":
      return "it is a folder";
    case "EACCES":
    case "EPERM":
      return "this user may not write there";
    case "EROFS":
      return "the file system is read-only";
    default:
      return message.split("\n", 1)[0]!;
  }
}
