import { expect, test } from "bun:test";
import { HISTORY, HistoryTable, type Sample } from "../../src/shared/history-table.ts";

const sample = (at: number): Sample => ({
  at,
  admitted: at + 0.1,
  limited: at + 0.2,
  refused: at + 0.3,
  failed: at + 0.4,
  p50: at + 0.5,
  p99: Number.NaN,
  inFlight: 7,
});

test("a sample is read by every thread as it was written", () => {
  const memory = HistoryTable.reserve();
  const writer = new HistoryTable(memory);
  const reader = new HistoryTable(memory);
  expect(reader.since(0)).toEqual([]);
  writer.write(sample(1));
  writer.write(sample(2));
  expect(reader.written).toBe(2);
  expect(reader.since(0)).toEqual([sample(1), sample(2)]);
  expect(reader.since(1)).toEqual([sample(2)]);
  expect(reader.since(2)).toEqual([]);
});

test("fifteen minutes are kept, the newest ones, however often the ring went round", () => {
  const table = new HistoryTable(HistoryTable.reserve());
  for (let at = 0; at < 5000; at++) table.write(sample(at));
  const kept = table.since(0);
  expect(kept).toHaveLength(HISTORY);
  expect(kept[0]).toEqual(sample(5000 - HISTORY));
  expect(kept.at(-1)).toEqual(sample(4999));
  expect(table.since(4990)).toHaveLength(10);
});
