// Turns what the persistence reports of a flush into the numbers that every worker can show.

import { counter, type MetricsTable } from "../../shared/metrics-table.ts";
import type { ProcessState } from "../../shared/process-state.ts";
import type { FlushReport } from "../persistence.ts";

const FLUSHES = counter("flushes");
const FLUSH_FAILURES = counter("flush_failures");
const FLUSH_SECONDS = counter("flush_seconds");
const FLUSHED_CLIENTS = counter("flushed_clients");

export function recordFlush(report: FlushReport, metrics: MetricsTable, state: ProcessState): void {
  state.setDatabaseUp(report.up);
  // A failure that took long, or a sign of life that took no time, says nothing about writing.
  if (report.up && report.written > 0) {
    metrics.add(FLUSHES);
    metrics.add(FLUSH_SECONDS, report.durationMs / 1000);
  }
  metrics.add(FLUSHED_CLIENTS, report.written);
  if (!report.up) metrics.add(FLUSH_FAILURES);
  metrics.set("flush_pending", report.pending);
  metrics.set("flush_last_success_at", (report.lastSuccessAt ?? 0) / 1000);
}
