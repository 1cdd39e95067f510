import { expect, test } from "bun:test";
import { startControl } from "../../support/control-server.ts";
import type { Readiness } from "../../../src/control/status/controller.ts";

test("alive is alive, ready or not", async () => {
  await using server = startControl({ readiness: () => ({ ready: false, reason: "Draining." }) });
  const answer = await server.fetch("/-/healthy");
  expect([answer.status, await answer.json()]).toEqual([200, { status: "ok" }]);
});

test("readiness is asked at each request and says why not", async () => {
  let state: Readiness = { ready: false, reason: "No backend is open to requests." };
  await using server = startControl({ readiness: () => state });
  const not = await server.fetch("/-/ready");
  expect(not.status).toBe(503);
  expect(not.headers.get("content-type")).toBe("application/problem+json");
  expect(await not.json()).toMatchObject({
    status: 503,
    detail: "No backend is open to requests.",
  });
  state = { ready: true };
  const ready = await server.fetch("/-/ready");
  expect([ready.status, await ready.json()]).toEqual([200, { status: "ready" }]);
});

test("backends are shown in the API's words", async () => {
  const view = {
    slot: 3,
    id: "5ea0ab5cb43f",
    url: "http://10.0.0.1:8080",
    weight: 2,
    share: 10,
    maxInFlight: 7,
    open: false,
    healthy: true,
    draining: true,
    forbidden: false,
    ejectedUntilMs: Date.UTC(2026, 0, 3),
    ejections: 1,
    sinceMs: 1,
    flips: 1,
    inFlight: 4,
    requests: 100,
    failures: 5,
    retries: 6,
    lastCheck: { atMs: Date.UTC(2026, 0, 2), ok: true, durationMs: 1.5, detail: "200" },
  };
  const unchecked = { ...view, url: "http://10.0.0.2:8080", lastCheck: null };
  await using server = startControl({ backends: () => [view, unchecked] });
  const answer = await server.fetch("/-/backends");
  const shown = {
    id: "5ea0ab5cb43f",
    url: "http://10.0.0.1:8080",
    open: false,
    healthy: true,
    ejected_until: "2026-01-03T00:00:00.000Z",
    draining: true,
    forbidden: false,
    weight: 2,
    effective_weight: 0.2,
    max_in_flight: 7,
    in_flight: 4,
    requests: 100,
    failures: 5,
    last_check: { at: "2026-01-02T00:00:00.000Z", ok: true, detail: "200", duration_ms: 1.5 },
  };
  expect(await answer.json()).toEqual({
    backends: [shown, { ...shown, url: "http://10.0.0.2:8080", last_check: null }],
  });
});

test("metrics are Prometheus text", async () => {
  await using server = startControl({ metrics: () => "up 1\n" });
  const answer = await server.fetch("/-/metrics");
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(await answer.text()).toBe("up 1\n");
});
