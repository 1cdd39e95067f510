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

/**
 * The first reason why it gets no requests, in one word or two. One that went down while it was ejected
 * is down: its time may be long over. The clock is the reader's.
 */
function stateOf({ open, healthy, draining, forbidden, ejected_until }: BackendStatus): string {
  if (forbidden) return "forbidden";
  if (draining) return "draining";
  if (!healthy) return "down";
  if (ejected_until !== null) return `ejected until ${timeOfDay(ejected_until)}`;
  return open ? "up" : "closed";
}

/** Of a date in ISO 8601, here: `14:05:00`. */
function timeOfDay(date: string): string {
  return new Date(date).toTimeString().slice(0, 8);
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
