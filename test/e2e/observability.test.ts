// What the executable says about itself is what a client of it counted: metrics, usage, the busiest,
// explain, many clients at once, and spans, over all workers.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { BulkReport } from "../../src/control/clients/bulk.ts";
import type { Explanation } from "../../src/shared/explanation.ts";
import type { Top, Usage } from "../../src/shared/usage.ts";
import { Gateway } from "../support/gateway.ts";
import { HEALTH_PATH, type HelloBackends, startHelloBackends } from "../support/hello-backends.ts";
import { runAb } from "../support/load.ts";
import { otlpReceiver } from "../support/otlp-receiver.ts";

// In CI the checker has to be there; elsewhere its absence skips one test.
const noPromtool = Bun.which("promtool") === null && process.env["CI"] !== "true";
const env = { HEALTH_PATH, HEALTH_INTERVAL: "100ms", HEALTH_TIMEOUT: "500ms" };

let backends: HelloBackends;
beforeAll(() => {
  backends = startHelloBackends(2);
});
afterAll(() => backends[Symbol.asyncDispose]());

/** Sum of the samples of a family whose labels contain all of these. */
async function metric(gateway: Gateway, name: string, ...labels: string[]): Promise<number> {
  const text = await (await gateway.api("GET", "/-/metrics")).text();
  return text
    .split("\n")
    .filter((line) => new RegExp(`^${name}[{ ]`).test(line))
    .filter((line) => labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

describe("after a load", () => {
  let gateway: Gateway;
  let admitted: number;
  const requests = 2000;

  beforeAll(async () => {
    gateway = await Gateway.start({
      backends: backends.urls,
      env: { ...env, ANONYMOUS_CAPACITY: "5", ANONYMOUS_RATE_PER_SEC: "0.001" },
    });
    await gateway.createClient({ client_id: "a", capacity: 300, rate_per_sec: 0.001 });
    backends.served.length = 0;
    const load = { requests, concurrency: 20 };
    const result = await runAb(`${gateway.url}/?client_id=a`, load);
    expect(result.complete).toBe(requests);
    admitted = requests - result.non2xx;
    await runAb(`${gateway.url}/`, { requests: 50, concurrency: 5 });
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  test("the counters are what the client saw", async () => {
    expect(admitted).toBe(300);
    const total = (name: string, ...labels: string[]) => metric(gateway, name, ...labels);
    const name = "gateway_requests_total";
    expect(await total(name, 'decision="admitted"', 'status_class="2xx"')).toBe(305);
    expect(await total(name, 'decision="limited"', 'method="GET"', "4xx")).toBe(1745);
    expect(await total(name)).toBe(2050);
    const decisions = "gateway_limiter_decisions_total";
    expect(await total(decisions, "client", "admitted")).toBe(300);
    expect(await total(decisions, "anonymous", "limited")).toBe(45);
    expect(await total("gateway_responses_total", "backend", "2xx")).toBe(305);
    expect(await total("gateway_request_duration_seconds_count")).toBe(2050);
    expect(await total("gateway_own_duration_seconds_count")).toBe(2050);
    expect(await total("gateway_backend_requests_total")).toBe(305);
    expect(backends.served).toHaveLength(305);
  });

  test("so are usage and the busiest, and explain agrees", async () => {
    const usage = (await (await gateway.api("GET", "/clients/a/usage")).json()) as Usage;
    expect(usage).toMatchObject({ admitted: 300, rejected: 1700 });
    expect(usage.rate_1m.rejected_per_sec).toBeGreaterThan(usage.rate_1m.admitted_per_sec);
    const top = (await (await gateway.api("GET", "/-/top?by=admitted")).json()) as Top;
    expect(top.clients).toMatchObject([{ client_id: "a", admitted: 300, rejected: 1700 }]);
    expect(top.addresses).toMatchObject([{ address: "127.0.0.1", admitted: 5, rejected: 45 }]);
    const answer = await gateway.api("POST", "/-/explain", { request: "GET /?client_id=a" });
    expect((await answer.json()) as Explanation).toMatchObject({ decision: "limited" });
  });

  test("a reset acts in every worker, and counts from zero", async () => {
    expect((await gateway.api("POST", "/clients/a/reset")).status).toBe(200);
    const result = await runAb(`${gateway.url}/?client_id=a`, { requests: 400, concurrency: 8 });
    expect(result.non2xx).toBe(100);
    const usage = (await (await gateway.api("GET", "/clients/a/usage")).json()) as Usage;
    expect(usage).toMatchObject({ admitted: 300, rejected: 100 });
  });

  test.skipIf(noPromtool)("promtool has nothing to say about the metrics", async () => {
    const text = await (await gateway.api("GET", "/-/metrics")).text();
    const checker = Bun.spawn(["promtool", "check", "metrics"], {
      stdin: Buffer.from(text),
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await new Response(checker.stderr).text()).toBe("");
    expect(await checker.exited).toBe(0);
  });
});

test("thirty thousand clients in one upload, in force at once and after a restart", async () => {
  await using gateway = await Gateway.start({ backends: backends.urls, env });
  const line = (i: number) => `{"client_id":"client-${i}","capacity":2,"rate_per_sec":0.001}`;
  const upload = async (url: string) => {
    const answer = await fetch(`${url}/clients`, {
      method: "PUT",
      headers: { "content-type": "application/x-ndjson" },
      body: Array.from({ length: 30_000 }, (_, i) => line(i)).join("\n"),
    });
    return (await answer.json()) as BulkReport;
  };
  expect(await upload(gateway.url)).toMatchObject({ lines: 30_000, created: 30_000, errors: [] });
  const result = await runAb(`${gateway.url}/?client_id=client-29999`, {
    requests: 40,
    concurrency: 8,
  });
  expect(result.non2xx).toBe(38);
  expect(await gateway.stop()).toBe(0);
  await using again = await Gateway.start({ cwd: gateway.cwd, backends: backends.urls, env });
  expect(await upload(again.url)).toMatchObject({ unchanged: 30_000, created: 0 });
});

test("spans of every worker arrive, the last ones on the way out", async () => {
  using receiver = otlpReceiver();
  await using gateway = await Gateway.start({
    backends: backends.urls,
    env: { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_SERVICE_NAME: "edge" },
  });
  await gateway.createClient({ client_id: "a", capacity: 30, rate_per_sec: 0.001 });
  await runAb(`${gateway.url}/?client_id=a`, { requests: 50, concurrency: 5 });
  expect(await gateway.stop()).toBe(0);
  const { spans } = receiver;
  expect(spans.filter((span) => span.kind === 2)).toHaveLength(50);
  expect(spans.filter((span) => span.kind === 3)).toHaveLength(30);
  expect(new Set(spans.map((span) => span.traceId)).size).toBe(50);
  expect(new Set(spans.map((span) => span.resource["service.name"]))).toEqual(new Set(["edge"]));
  const logged = gateway.lines.filter((line) => line.message === "request");
  expect(new Set(logged.map((line) => line["trace_id"]))).toEqual(
    new Set(spans.map((span) => span.traceId)),
  );
  expect(gateway.rawLines).toEqual([]);
});
