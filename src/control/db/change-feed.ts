// Hears of changes that other gateways make in the same PostgreSQL database. One connection of its
// own listens; when it is lost, or silent although this process notifies itself, a new one is
// opened, and `onConnected` says that changes may have been missed.

import type { SQL } from "bun";
import { sql } from "drizzle-orm";
import type { Logger } from "../../shared/log.ts";
import { connect, type PostgresPool } from "./postgres.ts";

/** The channel of `NOTIFY`. */
export const CHANGES = "gateway_clients";

const RECONNECT_AFTER_MS = 500;
/** A firewall may drop an idle connection without a word; a notification of our own shows that. */
const HEARTBEAT_MS = 15_000;

export interface ChangeListener {
  /** A definition changed; `version` is null when the client was removed. */
  onChange(clientId: string, version: number | null): void;
  /** Listening since now, for the first time or again: whatever happened before may be unknown. */
  onConnected(): void;
}

/** The payload that says: read the backends again. */
export const BACKENDS_CHANGED = "backends";

export class ChangeFeed {
  /** The backends may have changed: another gateway says so, or nobody could for a while. */
  onBackends: (() => void) | null = null;
  readonly #url: string;
  readonly #pool: PostgresPool;
  readonly #log: Logger;
  readonly #heartbeatMs: number;
  readonly #beat = `heartbeat ${crypto.randomUUID()}`;
  #listener: ChangeListener | null = null;
  #client: SQL | null = null;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #heartbeat: ReturnType<typeof setInterval> | null = null;
  #heard = true;

  constructor(options: { url: string; pool: PostgresPool; log: Logger; heartbeatMs?: number }) {
    this.#url = options.url;
    this.#pool = options.pool;
    this.#log = options.log;
    this.#heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS;
  }

  /** Resolves after the first attempt, whether it listens by then or tries again. */
  async start(listener: ChangeListener): Promise<void> {
    this.#listener = listener;
    this.#heartbeat = setInterval(() => this.#checkHeartbeat(), this.#heartbeatMs);
    await this.#listen();
  }

  async stop(): Promise<void> {
    this.#listener = null;
    if (this.#retry) clearTimeout(this.#retry);
    if (this.#heartbeat) clearInterval(this.#heartbeat);
    const client = this.#client;
    this.#client = null;
    await client?.close({ timeout: 0 });
  }

  async #listen(): Promise<void> {
    // Bun would reconnect a listener too, but waits up to 32 s and reports each attempt itself.
    const client: SQL = connect(this.#url, 1, () => this.#lost(client));
    this.#client = client;
    try {
      await client.listen(CHANGES, (payload) => this.#notified(payload));
    } catch {
      return this.#lost(client);
    }
    if (client !== this.#client) return;
    this.#heard = true;
    this.#listener?.onConnected();
    this.onBackends?.();
  }

  #lost(client: SQL): void {
    if (client !== this.#client) return;
    this.#client = null;
    void client.close({ timeout: 0 });
    if (this.#listener) this.#retry = setTimeout(() => void this.#listen(), RECONNECT_AFTER_MS);
  }

  #checkHeartbeat(): void {
    if (this.#client && !this.#heard) {
      this.#log.warn("change notifications stopped arriving, listening anew");
      return this.#lost(this.#client);
    }
    this.#heard = false;
    const beat = this.#pool.run((db) =>
      db.execute(sql`SELECT pg_notify(${CHANGES}, ${this.#beat})`),
    );
    // Only a heartbeat that was sent can be missed.
    beat.catch(() => (this.#heard = true));
  }

  #notified(payload: string): void {
    if (payload === this.#beat) {
      this.#heard = true;
      return;
    }
    if (payload === BACKENDS_CHANGED) return this.onBackends?.();
    const change = parse(payload);
    if (change) this.#listener?.onChange(change.client_id, change.version);
  }
}

/** Null for heartbeats of others and for whatever else is sent on the channel. */
function parse(payload: string): { client_id: string; version: number | null } | null {
  try {
    const change = JSON.parse(payload) as { client_id?: unknown; version?: unknown };
    const { client_id, version } = change;
    if (typeof client_id !== "string") return null;
    return { client_id, version: typeof version === "number" ? version : null };
  } catch {
    return null;
  }
}
