// What `status` and `top` say of a backend is the reason a person should know of first.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { backendTable } from "../../src/cli/remote/backend-rows.ts";
import type { BackendStatus } from "../../src/control/status/model.ts";

const UP: BackendStatus = {
  id: "5ea0ab5cb43f",
  url: "http://10.0.0.1:8080",
  open: true,
  healthy: true,
  ejected_until: null,
  draining: false,
  forbidden: false,
  weight: 1,
  effective_weight: 1,
  max_in_flight: null,
  in_flight: 0,
  requests: 0,
  failures: 0,
  last_check: null,
};
const EJECTED = { open: false, ejected_until: "2026-01-01T12:30:05.000Z" };

// The tests run in UTC where nothing else is said.
const { TZ = "Etc/UTC" } = process.env;
beforeAll(() => void (process.env["TZ"] = "America/New_York"));
afterAll(() => void (process.env["TZ"] = TZ));

test.each([
  ["up", {}],
  ["down", { open: false, healthy: false }],
  ["draining", { open: false, healthy: false, draining: true }],
  ["forbidden", { ...EJECTED, forbidden: true }],
  // By the reader's clock, as nothing says whose it is.
  ["ejected until 07:30:05", EJECTED],
  ["down", { ...EJECTED, healthy: false }],
  ["closed", { open: false }],
])("%s: %j", (state, changes) => {
  const [, row = ""] = backendTable([{ ...UP, ...changes }]);
  expect(row.split(/ {2,}/)[1]).toBe(state);
});
