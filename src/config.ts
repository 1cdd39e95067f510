// The configuration: a YAML file and the environment (which wins) become one frozen, typed value.
// The settings with their defaults and units stand in `config/settings.ts` and nowhere else. The
// value is plain data, so it can be posted to the workers as it is.

import { loadValues, type Settled, type Sources } from "./config/load.ts";
import type { Values } from "./config/settings.ts";
import { CidrSet } from "./shared/address.ts";
import type { BalancerName } from "./shared/balancing/balancer.ts";
import { namesLinkLocal } from "./shared/backend-url.ts";
import type { LogLevel } from "./shared/log.ts";
import type { SamplerName } from "./shared/samplers.ts";

export interface BackendConfig {
  /** Origin without a trailing slash: `http://10.0.0.1:8080`. `http` or `https` only. */
  readonly url: string;
  /** Share of the traffic relative to the other backends. Integer, 1 to 1000. */
  readonly weight: number;
  /** Most requests at a time over all workers, at least 1; left out, there is no limit. */
  readonly maxInFlight?: number;
}

export type DatabaseConfig =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "postgres"; readonly url: string };

export interface Config {
  /** Address to listen on; `::` means every IPv6 and IPv4 address. */
  readonly host: string;
  readonly port: number;
  readonly backends: readonly BackendConfig[];
  readonly balancer: BalancerName;
  /** How requests reach backends: by Bun's `fetch`, or by our own pooled connections. */
  readonly transport: "fetch" | "pooled";
  /** Backends may be at link-local and metadata addresses. */
  readonly allowLinkLocal: boolean;
  readonly database: DatabaseConfig;
  /** Data-plane threads, 1 to 64. */
  readonly workers: number;
  readonly admin: {
    /** Bearer token of the control routes; null when none is set. */
    readonly token: string | null;
    /** CIDRs that may use the control routes when no token is set. */
    readonly allow: readonly string[];
  };
  readonly health: {
    readonly path: string;
    readonly intervalMs: number;
    readonly timeoutMs: number;
    /** Successes in a row that make an unhealthy backend healthy. */
    readonly rise: number;
    /** Failures in a row that make a healthy backend unhealthy. */
    readonly fall: number;
    /** Statuses of a check that succeeded, both ends included. */
    readonly statusFrom: number;
    readonly statusTo: number;
  };
  readonly ejection: {
    /** Failures in a row, of any kind, that eject a backend; 0: none is ejected. */
    readonly after: number;
    /** Of the first ejection; the n-th one in short order takes n times as long. */
    readonly baseMs: number;
    /** A returning backend comes up to its weight in this time; 0: at once. */
    readonly slowStartMs: number;
  };
  readonly anonymous: { readonly capacity: number; readonly ratePerSec: number };
  readonly unknownClients: "anonymous" | "reject";
  /** CIDRs whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  readonly flushIntervalMs: number;
  readonly timeouts: {
    /** From the forwarded request to the backend's response headers. */
    readonly requestMs: number;
    /** Between two pieces of a backend's answer; 0 means no limit. */
    readonly streamIdleMs: number;
    readonly connectMs: number;
    /** Keep-alive idle time of downstream connections. */
    readonly idleMs: number;
    readonly drainMs: number;
  };
  readonly connections: {
    /** Of clients, over all workers. */
    readonly most: number;
    /** Of one address (IPv6: of one /64) that is no trusted proxy. */
    readonly mostPerAddress: number;
  };
  /** Bytes of a request body; 0 means no limit. */
  readonly maxBody: number;
  readonly log: {
    readonly level: LogLevel;
    readonly format: "json" | "text";
    readonly access: boolean;
  };
  readonly tracing: {
    /** Base URL of an OTLP receiver; null: no spans are recorded. */
    readonly endpoint: string | null;
    readonly serviceName: string;
    readonly sampler: SamplerName;
    /** Share of traces that a ratio sampler takes, 0 to 1. */
    readonly ratio: number;
  };
}

export type ConfigResult =
  | {
      readonly ok: true;
      readonly config: Config;
      /** Every setting with its origin, secrets masked. */
      readonly settled: readonly Settled[];
      /** Accepted, yet probably not meant. One line each. */
      readonly warnings: readonly string[];
    }
  /** One line each: the place, the name, the value (secrets masked) and what is accepted. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads the file and the environment. Never throws; everything wrong is in `problems`. */
export function loadConfig(sources: Sources): ConfigResult {
  const loaded = loadValues(sources);
  if (!loaded.ok) return loaded;
  const config = deepFreeze(assemble(loaded.values));
  const problems = contradictionsIn(config, loaded.settled);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, config, settled: loaded.settled, warnings: warningsOf(config) };
}

function assemble(values: Values): Config {
  return {
    host: values.HOST,
    port: values.PORT,
    backends: values.BACKENDS,
    balancer: values.BALANCER,
    transport: values.TRANSPORT,
    allowLinkLocal: values.ALLOW_LINK_LOCAL,
    database: values.DATABASE_URL,
    workers: values.WORKERS,
    admin: { token: values.ADMIN_TOKEN, allow: values.ADMIN_ALLOW },
    health: {
      path: values.HEALTH_PATH,
      intervalMs: values.HEALTH_INTERVAL,
      timeoutMs: values.HEALTH_TIMEOUT,
      rise: values.HEALTH_RISE,
      fall: values.HEALTH_FALL,
      statusFrom: values.HEALTH_STATUS.from,
      statusTo: values.HEALTH_STATUS.to,
    },
    ejection: {
      after: values.EJECT_AFTER,
      baseMs: values.EJECT_TIME,
      slowStartMs: values.SLOW_START,
    },
    anonymous: {
      capacity: values.ANONYMOUS_CAPACITY,
      ratePerSec: values.ANONYMOUS_RATE_PER_SEC,
    },
    unknownClients: values.UNKNOWN_CLIENTS,
    trustedProxies: values.TRUSTED_PROXIES,
    flushIntervalMs: values.FLUSH_INTERVAL,
    timeouts: {
      requestMs: values.REQUEST_TIMEOUT,
      streamIdleMs: values.STREAM_IDLE_TIMEOUT,
      connectMs: values.CONNECT_TIMEOUT,
      idleMs: values.IDLE_TIMEOUT,
      drainMs: values.DRAIN_TIMEOUT,
    },
    connections: {
      most: values.MAX_CONNECTIONS,
      mostPerAddress: values.MAX_CONNECTIONS_PER_ADDRESS,
    },
    maxBody: values.MAX_BODY,
    log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT, access: values.ACCESS_LOG },
    tracing: {
      endpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
      serviceName: values.OTEL_SERVICE_NAME,
      sampler: values.OTEL_TRACES_SAMPLER,
      ratio: values.OTEL_TRACES_SAMPLER_ARG,
    },
  };
}

/** What is wrong only together. */
function contradictionsIn(
  { backends, allowLinkLocal }: Config,
  settled: readonly Settled[],
): string[] {
  if (allowLinkLocal) return [];
  const from = settled.find(({ name }) => name === "BACKENDS")!.from;
  const place = from === "environment" ? `${from}: BACKENDS` : `${from}: backends`;
  return backends
    .filter(({ url }) => namesLinkLocal(url))
    .map(
      ({ url }) =>
        `${place}: ${url} is a link-local or metadata address; accepted only with ALLOW_LINK_LOCAL=on`,
    );
}

/** Shorter tokens can be guessed by trying. */
const SHORT_TOKEN = 16;

function warningsOf(config: Config): string[] {
  const warnings: string[] = [];
  if (config.backends.length === 0) {
    warnings.push("no BACKENDS are set: every forwarded request is answered with 503");
  }
  if (config.admin.token !== null && config.admin.token.length < SHORT_TOKEN) {
    warnings.push(`ADMIN_TOKEN is shorter than ${SHORT_TOKEN} characters and can be guessed`);
  }
  const proxies = config.trustedProxies.join(",");
  if (config.admin.token === null && overlap(config.trustedProxies, config.admin.allow)) {
    warnings.push(
      `ADMIN_ALLOW admits TRUSTED_PROXIES (${proxies}), and with them whoever they let through to ` +
        "the control routes; set ADMIN_TOKEN",
    );
  }
  return warnings;
}

/** Whether an address is in both. Of two networks that meet, one begins inside the other. */
function overlap(some: readonly string[], others: readonly string[]): boolean {
  const beginsIn = (cidrs: readonly string[], set: CidrSet): boolean =>
    cidrs.some((cidr) => set.has(cidr.split("/")[0]!));
  return beginsIn(some, new CidrSet(others)) || beginsIn(others, new CidrSet(some));
}

function deepFreeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) {
    if (typeof member === "object" && member !== null) deepFreeze(member);
  }
  return Object.freeze(value);
}
