// By what two gateway processes see that one may replace the other: the same address, the same
// database.

import { statSync } from "node:fs";
import type { Config, DatabaseConfig } from "../../config.ts";
import { display } from "../db/postgres-url.ts";

/** Names the database, without its secrets, the same in both processes. */
export function databaseName(database: DatabaseConfig): string {
  if (database.kind === "postgres") return display(database.url);
  // No other process can have it.
  if (database.path === ":memory:") return `memory of ${process.pid}`;
  const file = statSync(database.path, { throwIfNoEntry: false });
  return file ? `sqlite ${file.dev}:${file.ino}` : "sqlite, missing";
}

export function configuredAddress({ host, port }: Pick<Config, "host" | "port">): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
