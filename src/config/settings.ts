// Every setting of the gateway: its name, kind, default and meaning, once. The file's keys (the
// names in lower case), the environment, `check`, `--help` and the README's table all come from
// this table, so they cannot differ.

import { availableParallelism } from "node:os";
import { BALANCERS } from "../shared/balancing/balancer.ts";
import { SAMPLERS } from "../shared/samplers.ts";
import { backends } from "./backends.ts";
import { database } from "./database.ts";
import * as kinds from "./kinds.ts";
import type { Kind } from "./kinds.ts";

/** What a default may depend on. */
export interface Surroundings {
  /** Stdout is a terminal. */
  readonly terminal: boolean;
}

export interface Setting<T> {
  readonly kind: Kind<T>;
  /** Text of this kind, read like any other. Null: nothing is set. */
  readonly fallback: (surroundings: Surroundings) => string | null;
  /** The default in words, for people. */
  readonly shown: string;
  readonly meaning: string;
  /** Never printed, not even when it is wrong. */
  readonly secret: boolean;
}

type Options<T> = Partial<Setting<T>>;

function setting<T>(
  kind: Kind<T>,
  value: string,
  meaning: string,
  more: Options<T> = {},
): Setting<T> {
  return { kind, fallback: () => value, shown: value, meaning, secret: false, ...more };
}

/** Without a default, nothing is set and the value is null. */
function optional<T>(
  kind: Kind<T>,
  meaning: string,
  more: Options<T | null> = {},
): Setting<T | null> {
  return { kind, fallback: () => null, shown: "none", meaning, secret: false, ...more };
}

const capacity = kinds.decimal({ least: 1, most: 1e9 });
const rate = kinds.decimal({ least: 0, most: 1e9, above: true });

export const SETTINGS = {
  HOST: setting(kinds.host, "::", "address to listen on; `::` is every IPv6 and IPv4 address"),
  PORT: setting(kinds.integer(0, 65_535), "3030", "port to listen on; `0` takes a free one"),
  BACKENDS: setting(backends, "none", "where requests go; a weight is a share of the traffic"),
  BALANCER: setting(kinds.oneOf(...BALANCERS), "round_robin", "how a backend is chosen"),
  TRANSPORT: setting(
    kinds.oneOf("fetch", "pooled"),
    "fetch",
    "how requests reach backends: by Bun's client, or byte for byte over own connections",
  ),
  ALLOW_LINK_LOCAL: setting(
    kinds.onOff,
    "off",
    "whether a backend may be at a link-local or cloud metadata address",
  ),
  DATABASE_URL: setting(database, "sqlite://./gateway.db", "clients and the state of their limits"),
  WORKERS: setting(kinds.integer(1, 64), "CPU cores", "threads that share the port and forward", {
    fallback: () => String(Math.min(availableParallelism(), 64)),
  }),
  ADMIN_TOKEN: optional(kinds.token, "bearer token of the control routes", { secret: true }),
  ADMIN_ALLOW: setting(
    kinds.cidrs,
    "127.0.0.0/8,::1",
    "who may use the control routes when no token is set",
  ),
  HEALTH_PATH: setting(kinds.urlPath, "/", "path that a health check asks for"),
  HEALTH_INTERVAL: setting(kinds.duration("50ms", "1h"), "2s", "time between health checks"),
  HEALTH_TIMEOUT: setting(kinds.duration("10ms", "5m"), "1s", "when a health check has failed"),
  HEALTH_RISE: setting(
    kinds.integer(1, 100),
    "2",
    "successes in a row that make a backend healthy",
  ),
  HEALTH_FALL: setting(kinds.integer(1, 100), "3", "failures in a row that make it unhealthy"),
  HEALTH_STATUS: setting(
    kinds.statuses,
    "200-399",
    "statuses that a successful health check may have",
  ),
  EJECT_AFTER: setting(
    kinds.integer(0, 1000),
    "5",
    "failures in a row (no connection, a late or broken answer, 502, 503, 504) that eject a backend; `0` is never",
  ),
  EJECT_TIME: setting(
    kinds.duration("100ms", "5m"),
    "10s",
    "how long it is ejected; the n-th time in a row n times as long, at most 5m",
  ),
  SLOW_START: setting(
    kinds.duration("0", "1h"),
    "0",
    "how long a returning backend takes to come up to its weight; `0` is at once",
  ),
  ANONYMOUS_CAPACITY: setting(
    capacity,
    "100",
    "bucket of a request without a registered client, by address (IPv6 by /64)",
  ),
  ANONYMOUS_RATE_PER_SEC: setting(rate, "50", "tokens that come back to it per second"),
  UNKNOWN_CLIENTS: setting(
    kinds.oneOf("anonymous", "reject"),
    "anonymous",
    "a request without a registered `client_id`: limited by address, or refused with 401",
  ),
  TRUSTED_PROXIES: setting(kinds.cidrs, "none", "peers whose `X-Forwarded-For` is believed"),
  FLUSH_INTERVAL: setting(
    kinds.duration("10ms", "1h"),
    "1s",
    "how often changed limits are written to the database",
  ),
  REQUEST_TIMEOUT: setting(
    kinds.duration("10ms", "24h"),
    "60s",
    "how long a backend may take until the headers of its answer",
  ),
  STREAM_IDLE_TIMEOUT: setting(
    kinds.duration("0", "24h"),
    "60s",
    "how long a backend may be silent in the middle of an answer that is no event stream; `0` is no limit",
  ),
  CONNECT_TIMEOUT: setting(
    kinds.duration("10ms", "5m"),
    "2s",
    "how long a connection to a backend may take",
  ),
  // Bun.serve counts idle time in seconds and in one byte.
  IDLE_TIMEOUT: setting(
    kinds.duration("1s", "255s"),
    "75s",
    "how long an unused connection of a client is kept",
  ),
  MAX_CONNECTIONS: setting(
    kinds.integer(1, 1_000_000),
    "10000",
    "connections of clients at a time; more are answered with 503",
  ),
  MAX_CONNECTIONS_PER_ADDRESS: setting(
    kinds.integer(1, 1_000_000),
    "5000",
    "of them from one address (IPv6 by /64) that is no trusted proxy; more are answered with 429",
  ),
  MAX_BODY: setting(kinds.size, "10MB", "largest request body; `0` is no limit"),
  DRAIN_TIMEOUT: setting(
    kinds.duration("0", "1h"),
    "30s",
    "how long a stop waits for requests in flight",
  ),
  LOG_LEVEL: setting(
    kinds.oneOf("debug", "info", "warn", "error"),
    "info",
    "quietest log line, those of requests apart",
  ),
  LOG_FORMAT: setting(
    kinds.oneOf("json", "text"),
    "json, on a terminal text",
    "form of log lines",
    {
      fallback: ({ terminal }) => (terminal ? "text" : "json"),
    },
  ),
  ACCESS_LOG: setting(kinds.onOff, "on", "one log line a request"),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    kinds.endpoint,
    "where spans are sent by OTLP over HTTP; none are recorded without it",
  ),
  OTEL_SERVICE_NAME: setting(kinds.label, "gateway", "name of the gateway in its spans"),
  OTEL_TRACES_SAMPLER: setting(
    kinds.oneOf(...SAMPLERS),
    "parentbased_always_on",
    "which traces are recorded, here and where requests go",
  ),
  OTEL_TRACES_SAMPLER_ARG: setting(
    kinds.decimal({ least: 0, most: 1 }),
    "1",
    "share of traces that a `traceidratio` sampler takes",
  ),
};

export type SettingName = keyof typeof SETTINGS;
export type Values = {
  readonly [Name in SettingName]: (typeof SETTINGS)[Name] extends Setting<infer T> ? T : never;
};

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** The name of a setting in the file. */
export function keyOf(name: SettingName): string {
  return name.toLowerCase();
}
