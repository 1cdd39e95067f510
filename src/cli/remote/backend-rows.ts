// The backends as a table, for `status` and `top`. Pure.

import type { BackendStatus } from "../../control/status/model.ts";
import { grouped, shortNumber, table } from "./columns.ts";

const COLUMNS = [
  { title: "backend" },
  { title: "state" },
  { title: "weight", right: true },
  { title: "in flight", right: true },
  { title: "requests", right: true },
  { title: "failures", right: true },
  { title: "last check" },
];

export function backendTable(backends: readonly BackendStatus[]): string[] {
  return table(
    COLUMNS,
    backends.map((backend) => [
      backend.url,
      stateOf(backend),
      weightOf(backend),
      grouped(backend.in_flight),
      grouped(backend.requests),
      grouped(backend.failures),
      checkOf(backend),
    ]),
  );
}

/** The first reason why it gets no requests, in one word or two. */
function stateOf({ open, healthy, draining, forbidden, ejected_until }: BackendStatus): string {
  if (forbidden) return "forbidden";
  if (draining) return "draining";
  if (ejected_until !== null) return `ejected until ${ejected_until.slice(11, 19)}`;
  if (!healthy) return "down";
  return open ? "up" : "closed";
}

function weightOf({ weight, effective_weight }: BackendStatus): string {
  return weight === effective_weight
    ? String(weight)
    : `${shortNumber(effective_weight)} of ${weight}`;
}

function checkOf({ last_check }: BackendStatus): string {
  if (last_check === null) return "none yet";
  return `${last_check.detail}, ${shortNumber(last_check.duration_ms)} ms`;
}
