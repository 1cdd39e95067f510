// What `gateway top` shows of one look at the gateway, as lines. Pure.

import type { BackendStatus } from "../../control/status/model.ts";
import type { Top } from "../../shared/usage.ts";
import { backendTable } from "./backend-rows.ts";
import { grouped, shortNumber, table } from "./columns.ts";
import type { Metrics } from "./metrics-text.ts";

export interface Look {
  readonly atMs: number;
  readonly top: Top;
  readonly backends: readonly BackendStatus[];
  readonly metrics: Metrics;
}

export interface Screen {
  readonly url: string;
  readonly look: Look;
  /** For what happened between two looks. */
  readonly before: Look | null;
  /** Lines there are; more are left out at the end of each list. */
  readonly height: number;
}

const COUNTS = [
  { title: "rejected", right: true },
  { title: "admitted", right: true },
];
const SEEN = { title: "last seen" };
const RATES = [
  { title: "rejected/s", right: true },
  { title: "admitted/s", right: true },
];

/** Lines that are neither clients, addresses nor backends: titles and blank lines. */
const FRAME = 8;

export function topScreen({ url, look, before, height }: Screen): string[] {
  const { top, backends } = look;
  const room = Math.max(4, height - FRAME - backends.length);
  const addresses = Math.min(
    top.addresses.length,
    Math.max(Math.floor(room / 3), room - top.clients.length),
  );
  return [
    `gateway at ${url}, most ${top.by} first`,
    trafficText(look, before),
    "",
    ...clientTable(top, room - addresses, look.atMs),
    "",
    ...addressTable(top, addresses, look.atMs),
    "",
    ...(backends.length > 0 ? backendTable(backends) : ["no backends"]),
  ];
}

function trafficText({ metrics, atMs }: Look, before: Look | null): string {
  const inFlight = `${grouped(metrics.sum("gateway_requests_in_flight"))} in flight`;
  const counts = (of: Metrics) =>
    [
      ["admitted", of.sum("gateway_requests_total", { decision: "admitted" })],
      ["limited", of.sum("gateway_requests_total", { decision: "limited" })],
      ["5xx", of.sum("gateway_responses_total", { status_class: "5xx" })],
    ] as const;
  const now = counts(metrics);
  if (before === null) {
    return [...now.map(([name, count]) => `${grouped(count)} ${name}`), inFlight].join("   ");
  }
  const past = counts(before.metrics);
  const seconds = (atMs - before.atMs) / 1000;
  // A gateway that was started anew counts from zero again.
  const rates = now.map(([name, count], at) => {
    const rate = Math.max(0, count - past[at]![1]) / seconds;
    return `${shortNumber(rate)}/s ${name}`;
  });
  return [...rates, inFlight].join("   ");
}

function clientTable({ by, clients }: Top, room: number, nowMs: number): string[] {
  if (clients.length === 0) return [`no client ${by}`];
  return table(
    [{ title: "client" }, ...RATES, ...COUNTS, SEEN],
    clients
      .slice(0, room)
      .map(({ client_id, rate_1m, rejected, admitted, last_seen }) => [
        client_id,
        shortNumber(rate_1m.rejected_per_sec),
        shortNumber(rate_1m.admitted_per_sec),
        grouped(rejected),
        grouped(admitted),
        agoText(last_seen, nowMs),
      ]),
  );
}

function addressTable({ by, addresses }: Top, room: number, nowMs: number): string[] {
  if (addresses.length === 0) return [`no anonymous address ${by}`];
  return table(
    [{ title: "anonymous address" }, ...COUNTS, SEEN],
    addresses
      .slice(0, room)
      .map(({ address, rejected, admitted, last_seen }) => [
        address,
        grouped(rejected),
        grouped(admitted),
        agoText(last_seen, nowMs),
      ]),
  );
}

function agoText(moment: string | null, nowMs: number): string {
  if (moment === null) return "never";
  const seconds = (nowMs - Date.parse(moment)) / 1000;
  if (seconds < 2) return "now";
  if (seconds < 120) return `${Math.floor(seconds)} s ago`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}
