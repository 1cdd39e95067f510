// What is told of flushes is about those that wrote something.

import { expect, test } from "bun:test";
import { recordFlush } from "../../../src/control/metrics/flush.ts";
import type { FlushReport } from "../../../src/control/persistence.ts";
import { MetricsTable } from "../../../src/shared/metrics-table.ts";
import { ProcessState } from "../../../src/shared/process-state.ts";

const WRITTEN: FlushReport = {
  up: true,
  pending: 0,
  written: 3,
  durationMs: 250,
  failures: 0,
  lastSuccessAt: 1_700_000_000_000,
};

test("the time that writes take is that of writes, not of failures and signs of life", () => {
  const metrics = new MetricsTable(MetricsTable.reserve({ workers: 1 }));
  const state = new ProcessState(ProcessState.reserve());
  recordFlush(WRITTEN, metrics, state);
  recordFlush({ ...WRITTEN, written: 0, durationMs: 0.1 }, metrics, state);
  recordFlush(
    { ...WRITTEN, up: false, pending: 7, written: 0, durationMs: 30_000, failures: 1 },
    metrics,
    state,
  );
  expect(metrics.total("flushes")).toBe(1);
  expect(metrics.total("flush_seconds")).toBe(0.25);
  expect(metrics.total("flush_failures")).toBe(1);
  expect(metrics.total("flushed_clients")).toBe(3);
  expect(metrics.gauge("flush_pending")).toBe(7);
  expect(metrics.gauge("flush_last_success_at")).toBe(1_700_000_000);
  expect(state.databaseUp).toBe(false);
});
