// The configuration: a YAML file and the environment (which wins) become one frozen, typed value.
// Every default and its unit stands in this file and nowhere else. The value is plain data, so it
// can be posted to the workers as it is.

import type { LogLevel } from "./shared/log.ts";

export interface BackendConfig {
  /** Origin without a trailing slash: `http://10.0.0.1:8080`. `http` or `https` only. */
  readonly url: string;
  /** Share of the traffic relative to the other backends. Integer, 1 to 1000. */
  readonly weight: number;
}

export type DatabaseConfig =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "postgres"; readonly url: string };

export type BalancerName = "round_robin";

export interface Config {
  /** Address to listen on; `::` means every IPv6 and IPv4 address. */
  readonly host: string;
  readonly port: number;
  readonly backends: readonly BackendConfig[];
  readonly balancer: BalancerName;
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
  };
  readonly anonymous: { readonly capacity: number; readonly ratePerSec: number };
  readonly unknownClients: "anonymous" | "reject";
  /** CIDRs whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  readonly flushIntervalMs: number;
  readonly timeouts: {
    /** From the forwarded request to the backend's response headers. */
    readonly requestMs: number;
    readonly connectMs: number;
    /** Keep-alive idle time of downstream connections. */
    readonly idleMs: number;
    readonly drainMs: number;
  };
  /** Bytes of a request body; 0 means no limit. */
  readonly maxBody: number;
  readonly log: {
    readonly level: LogLevel;
    readonly format: "json" | "text";
    readonly access: boolean;
  };
}
