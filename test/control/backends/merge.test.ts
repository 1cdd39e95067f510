import { expect, test } from "bun:test";
import { mergeBackends } from "../../../src/control/backends/merge.ts";
import type { BackendRow } from "../../../src/control/backends/repository.ts";

const row = (url: string, more: Partial<BackendRow> = {}): BackendRow => ({
  url,
  added: false,
  removed: false,
  weight: null,
  maxInFlight: null,
  draining: false,
  ...more,
});
const plain = { weight: 1, maxInFlight: null, draining: false };

test("without changes it is the configuration's list", () => {
  const seed = [
    { url: "http://a", weight: 2, maxInFlight: 5 },
    { url: "http://b", weight: 1 },
  ];
  expect(mergeBackends(seed, [])).toEqual([
    { url: "http://a", weight: 2, maxInFlight: 5, draining: false },
    { url: "http://b", ...plain },
  ]);
});

test("a change wins over the configuration, only in what was changed", () => {
  const seed = [{ url: "http://a", weight: 2, maxInFlight: 5 }];
  const changed = (more: Partial<BackendRow>) => mergeBackends(seed, [row("http://a", more)])[0];
  expect(changed({ weight: 7 })).toMatchObject({ weight: 7, maxInFlight: 5 });
  expect(changed({ maxInFlight: 0 })).toMatchObject({ weight: 2, maxInFlight: null });
  expect(changed({ draining: true })).toMatchObject({ weight: 2, draining: true });
  expect(changed({ removed: true })).toBeUndefined();
});

test("when the configuration changes: what it adds is there, what it drops goes, unless it was added", () => {
  const rows = [
    row("http://dropped", { weight: 9 }),
    row("http://gone", { removed: true }),
    row("http://added", { added: true, weight: 3 }),
  ];
  const urls = (...seed: string[]) =>
    mergeBackends(
      seed.map((url) => ({ url, weight: 1 })),
      rows,
    ).map(({ url, weight }) => `${url} ${weight}`);
  expect(urls("http://new")).toEqual(["http://new 1", "http://added 3"]);
  expect(urls("http://added", "http://gone", "http://dropped")).toEqual([
    "http://added 3",
    "http://dropped 9",
  ]);
});
