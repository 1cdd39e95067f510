// Opens the embedded database: file, process lock, settings. Write-ahead log, so that reading tools
// do not disturb; every commit of a definition is synced to disk before its answer.

import { constants, Database } from "bun:sqlite";
import { EXIT, StartError } from "../../shared/start-error.ts";
import type { Logger } from "../../shared/log.ts";
import { lockFile, NOT_INTACT, prepareFile, unlockFile } from "./sqlite-file.ts";
import { attempt, StoreUnavailable } from "./unavailable.ts";

/** A query waits this long for another program's lock. It holds the main thread meanwhile. */
const BUSY_TIMEOUT_MS = 250;
/** The write-ahead log is cut down to this after a checkpoint, bytes. */
const JOURNAL_LIMIT = 16 * 1024 * 1024;

/** Runs a statement that writes; rejects with `StoreUnavailable`. */
export type Write = <T>(statement: () => T) => Promise<T>;

export interface SqliteFile {
  readonly client: Database;
  /** Not to a file that nobody would find again. */
  readonly write: Write;
  /** Keeps other gateways out. Throws `StartError`. */
  lock(): void;
  unlock(): void;
  close(): void;
}

/**
 * Opens and locks. `locked: false`: the caller has an agreement with the gateway that holds the lock.
 * `:memory:` is accepted and forgets everything. Throws `StartError`.
 */
export function openSqlite(path: string, log: Logger, locked = true): SqliteFile {
  if (path === ":memory:") {
    const client = configured(path);
    const nothing = (): void => {};
    return { client, write: attempt, lock: nothing, unlock: nothing, close: () => client.close() };
  }
  prepareFile(path, log);
  let lock = locked ? lockFile(path) : null;
  const unlock = (): void => {
    if (lock) unlockFile(lock);
    lock = null;
  };
  try {
    const client = configured(path);
    return {
      client,
      write: (statement) =>
        attempt(() => {
          if (hasMoved(client)) throw new StoreUnavailable(movedFrom(path));
          return statement();
        }),
      lock: () => void (lock ??= lockFile(path)),
      unlock,
      close() {
        // Without the lock the file is another gateway's by now.
        if (lock) checkpoint(client);
        client.close();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

/** For what SQLite answers: it writes eight bytes at the most. */
const answer = new Int32Array(new ArrayBuffer(8));

/**
 * Whether the file that is open is not at its path any more. Every write goes on without an error then,
 * and is gone with the process. 2 µs.
 */
function hasMoved(client: Database): boolean {
  answer[0] = 0;
  client.fileControl(constants.SQLITE_FCNTL_HAS_MOVED, answer);
  return answer[0] !== 0;
}

function movedFrom(path: string): string {
  return (
    `${path} was removed or replaced while the gateway uses it; put the file back, or export the ` +
    "clients (gateway clients export), restart and import them"
  );
}

/**
 * SQLite does this itself when the last statement is gone too, which garbage collection decides.
 * Done here, the file is whole once the gateway has stopped.
 */
function checkpoint(client: Database): void {
  try {
    client.run("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // The disk is full or a backup reads the file: the log stays and the next start reads it.
  }
}

function configured(path: string): Database {
  return refusing(path, () => {
    const client = new Database(path);
    client.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    client.run("PRAGMA journal_mode = WAL");
    client.run("PRAGMA synchronous = FULL");
    client.run(`PRAGMA journal_size_limit = ${JOURNAL_LIMIT}`);
    return client;
  });
}

/**
 * Runs a write that the disk need not have yet when it returns: without the sync it does not hold the
 * thread for the disk. What was written before it on this connection is never lost without it.
 */
export function unsynced<T>(client: Database, write: () => T): T {
  client.run("PRAGMA synchronous = NORMAL");
  try {
    return write();
  } finally {
    client.run("PRAGMA synchronous = FULL");
  }
}

/** Runs a step of the start; SQLite's errors become a `StartError` that names the file. */
export function refusing<T>(path: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    // A failed open is a plain Error with SQLite's code, not a SQLiteError.
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (!code.startsWith("SQLITE_")) throw error;
    const damaged = /^SQLITE_(NOTADB|CORRUPT)/.test(code);
    const reason = damaged ? NOT_INTACT : (error as Error).message;
    const exit = code.startsWith("SQLITE_BUSY") ? EXIT.inUse : EXIT.cannotCreate;
    throw new StartError(exit, `Database ${path} cannot be used: ${reason} (${code}).`);
  }
}
