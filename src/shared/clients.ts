// The words both planes speak about registered clients. The service on the main thread implements
// `ClientsPort` against the database and the tables; the stand-in inside each worker implements it
// by asking the main thread. Controllers know only this interface.

import type { ControlFailure, ControlResult, FieldError } from "./control-result.ts";

export type { FieldError } from "./control-result.ts";

/** A client as the API shows it. `current_tokens` is live: refilled to the moment of the answer. */
export interface Client {
  readonly client_id: string;
  /** Most tokens the bucket holds. 1 to 1e9. */
  readonly capacity: number;
  /** Tokens added per second. Above 0, at most 1e9. */
  readonly rate_per_sec: number;
  /** Tokens left now. 0 to `capacity`, may be fractional. */
  readonly current_tokens: number;
}

export interface ClientLimits {
  readonly capacity: number;
  readonly rate_per_sec: number;
  /** Omitted: a new client starts full, a changed one keeps the fraction that is left. */
  readonly current_tokens?: number;
}

export type NewClient = ClientLimits & { readonly client_id: string };
export type ClientPatch = Partial<ClientLimits>;

export interface ClientPage {
  readonly clients: readonly Client[];
  /** Pass as `after` for the next page; null on the last one. */
  readonly next: string | null;
}

export type ClientsFailure = ControlFailure;
export type ClientsResult<T> = ControlResult<T>;

/** What became of one client of many. */
export type PutOutcome =
  "created" | "changed" | "unchanged" | { readonly refused: readonly FieldError[] };

/** Every method settles with a value; a rejection is a bug. */
export interface ClientsPort {
  create(client: NewClient): Promise<ClientsResult<Client>>;
  list(query: { limit: number; after: string | null }): Promise<ClientsResult<ClientPage>>;
  get(clientId: string): Promise<ClientsResult<Client>>;
  replace(clientId: string, limits: ClientLimits): Promise<ClientsResult<Client>>;
  update(clientId: string, patch: ClientPatch): Promise<ClientsResult<Client>>;
  remove(clientId: string): Promise<ClientsResult<null>>;
  /**
   * Creates or replaces many, each id once, at most 1,000, stored together. Entry i of the answer is
   * about client i. On failure the outcome is unknown, and the same call can be made again.
   */
  putMany(clients: readonly NewClient[]): Promise<ClientsResult<readonly PutOutcome[]>>;
}

export const MAX_CLIENT_ID_LENGTH = 128;
/** 1 to 128 characters of `A-Z a-z 0-9 . _ : @ -`. */
export const STORED_CLIENT_ID = /^[A-Za-z0-9._:@-]{1,128}$/;
/** What can be registered: URLs resolve `.` and `..`, so no path could name such a client. */
export const CLIENT_ID = /^(?!\.\.?$)[A-Za-z0-9._:@-]{1,128}$/;
export const STORED_CLIENT_ID_IN_WORDS = `1 to ${MAX_CLIENT_ID_LENGTH} characters of A-Z a-z 0-9 . _ : @ -`;
export const CLIENT_ID_IN_WORDS = `${STORED_CLIENT_ID_IN_WORDS} (but not . or ..)`;
export const MAX_CAPACITY = 1e9;
export const MAX_RATE_PER_SEC = 1e9;
