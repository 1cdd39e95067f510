// `gateway status`: is it up, is anything wrong. Exit code 1 when it does not want traffic.

import type { BackendStatus } from "../../control/status/model.ts";
import { EXIT } from "../../shared/start-error.ts";
import type { RemoteCommand } from "../command.ts";
import { backendTable } from "./backend-rows.ts";
import { duration, grouped } from "./columns.ts";
import { Metrics } from "./metrics-text.ts";
import { Output } from "./output.ts";
import type { RunningGateway } from "./running-gateway.ts";

export interface Status {
  readonly url: string;
  readonly ready: boolean;
  /** Null when it is ready. */
  readonly reason: string | null;
  readonly version: string;
  readonly uptime_seconds: number;
  readonly workers: number;
  readonly worker_restarts: number;
  readonly clients: number;
  readonly database_up: boolean;
  /** Buckets that changed and are not written yet. */
  readonly flush_pending: number;
  readonly requests_in_flight: number;
  readonly requests_admitted: number;
  readonly requests_limited: number;
  readonly backends: readonly BackendStatus[];
}

export async function status(
  gateway: RunningGateway,
  { remote }: Extract<RemoteCommand, { name: "status" }>,
): Promise<number> {
  const found = await readStatus(gateway, Date.now());
  const output = Output.stdout();
  await (remote.json ? output.json(found) : output.lines(statusText(found)));
  await output.end();
  return found.ready ? EXIT.ok : EXIT.failed;
}

async function readStatus(gateway: RunningGateway, nowMs: number): Promise<Status> {
  const [ready, { value }, text] = await Promise.all([
    gateway.ask<{ detail?: string }>("GET", "/-/ready", { member: "status", accept: [503] }),
    gateway.ask<{ backends: BackendStatus[] }>("GET", "/-/backends", { member: "backends" }),
    gateway.text("/-/metrics"),
  ]);
  const metrics = new Metrics(text);
  const startedAt = metrics.sum("process_start_time_seconds");
  return {
    url: gateway.url,
    ready: ready.status === 200,
    reason: ready.status === 200 ? null : (ready.value.detail ?? "It is not ready."),
    version: metrics.of("gateway_build_info")[0]?.labels["version"] ?? "unknown",
    uptime_seconds: Math.max(0, Math.round(nowMs / 1000 - startedAt)),
    workers: metrics.sum("gateway_workers"),
    worker_restarts: metrics.sum("gateway_worker_restarts_total"),
    clients: metrics.sum("gateway_clients"),
    database_up: metrics.sum("gateway_database_up") === 1,
    flush_pending: metrics.sum("gateway_flush_pending_clients"),
    requests_in_flight: metrics.sum("gateway_requests_in_flight"),
    requests_admitted: metrics.sum("gateway_requests_total", { decision: "admitted" }),
    requests_limited: metrics.sum("gateway_requests_total", { decision: "limited" }),
    backends: value.backends,
  };
}

function statusText(found: Status): string[] {
  const restarts = found.worker_restarts;
  const facts: [string, string][] = [
    ["state", found.ready ? "ready" : `not ready: ${found.reason}`],
    ["version", `${found.version}, up ${duration(found.uptime_seconds)}`],
    ["workers", `${found.workers}${restarts > 0 ? `, ${grouped(restarts)} replaced` : ""}`],
    ["clients", grouped(found.clients)],
    [
      "database",
      `${found.database_up ? "answers" : "DOES NOT ANSWER"}, ${grouped(found.flush_pending)} buckets to write`,
    ],
    [
      "requests",
      `${grouped(found.requests_admitted)} admitted, ${grouped(found.requests_limited)} limited, ` +
        `${grouped(found.requests_in_flight)} in flight`,
    ],
  ];
  const backends = found.backends.length > 0 ? backendTable(found.backends) : ["no backends"];
  return [
    `gateway at ${found.url}`,
    ...facts.map(([name, text]) => `  ${name.padEnd(9)} ${text}`),
    "",
    ...backends,
  ];
}
