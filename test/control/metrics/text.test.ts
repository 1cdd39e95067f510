// The text is judged by Prometheus' own checker, and the numbers by what was counted.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FAMILIES } from "../../../src/control/metrics/catalogue.ts";
import { formatFor } from "../../../src/control/metrics/negotiate.ts";
import { familyText, type MetricsFormat, metricsText } from "../../../src/control/metrics/text.ts";
import { takeReading } from "../../../src/control/metrics/sources.ts";
import { BackendTable } from "../../../src/shared/backend-table.ts";
import { answersTo, counter, MetricsTable } from "../../../src/shared/metrics-table.ts";
import { ProcessState, READY } from "../../../src/shared/process-state.ts";

// In CI the checker has to be there; elsewhere its absence skips one test.
const noPromtool = Bun.which("promtool") === null && process.env["CI"] !== "true";

function setUp() {
  const memory = MetricsTable.reserve({ workers: 2 });
  const backendMemory = BackendTable.reserve({ workers: 2, fall: 3 });
  const sources = {
    metrics: new MetricsTable(memory),
    backends: new BackendTable(backendMemory),
    state: new ProcessState(ProcessState.reserve()),
    clients: () => 41,
    maxClients: 1000,
    clientsGivenUp: () => 8,
    connections: () => 12,
    anonymous: () => ({ entries: 5, evictions: 6, overflows: 7, givenUp: 9 }),
    version: "1.2.3",
  };
  return {
    sources,
    main: sources.metrics,
    worker: new MetricsTable(memory, 0),
    backendWorker: new BackendTable(backendMemory, 0),
    text: (format: MetricsFormat = "prometheus") => metricsText(format, sources),
  };
}

function busy() {
  const all = setUp();
  const { sources, main, worker, backendWorker } = all;
  sources.backends.setBackends([
    { url: "http://10.0.0.1:80", weight: 2, maxInFlight: 100 },
    { url: "http://[::1]:80", weight: 1 },
  ]);
  sources.backends.setHealthy(0, true, 1);
  const check = { atMs: 1, ok: true, durationMs: 2.5, detail: "status 200" };
  sources.backends.recordCheck(0, check, 0);
  sources.state.enter(READY);
  sources.state.setDatabaseUp(true);
  sources.state.setWorkers(2, 2);
  backendWorker.begin(0);
  for (const table of [worker, main, worker]) table.answer(answersTo("admitted"), "GET", 200);
  worker.answer(answersTo("admitted"), "PROPFIND", 207);
  for (const method of ["POST", "GET"]) worker.answer(answersTo("limited"), method, 429);
  worker.answer(answersTo("rejected"), "GET", 503);
  worker.add(counter("limiter_client_limited"), 2);
  for (const seconds of [0.000_005, 0.000_03]) worker.observe("own", seconds);
  worker.response("gateway", 429);
  worker.began();
  for (const status of [431, 431, 418]) worker.unread(status);
  for (const seconds of [0.0002, 0.0002, 0.003, 100]) worker.observe("request", seconds);
  main.add(counter("flushes"), 2);
  main.add(counter("flush_seconds"), 0.25);
  main.set("flush_pending", 9);
  return all;
}

const promtool = async (text: string) => {
  const checker = Bun.spawn(["promtool", "check", "metrics"], {
    stdin: Buffer.from(text),
    stdout: "pipe",
    stderr: "pipe",
  });
  const said = await Promise.all([
    new Response(checker.stdout).text(),
    new Response(checker.stderr).text(),
    checker.exited,
  ]);
  return { said: said[0] + said[1], code: said[2] };
};

describe("the text", () => {
  test.skipIf(noPromtool)("satisfies promtool, idle and busy", async () => {
    expect(await promtool(setUp().text())).toEqual({ said: "", code: 0 });
    expect(await promtool(busy().text())).toEqual({ said: "", code: 0 });
  });

  test("says what was counted, over all threads", () => {
    const lines = busy().text().split("\n");
    for (const line of [
      'gateway_requests_total{decision="admitted",method="GET",status_class="2xx"} 3',
      'gateway_requests_total{decision="admitted",method="other",status_class="2xx"} 1',
      'gateway_requests_total{decision="admitted",method="DELETE",status_class="5xx"} 0',
      'gateway_requests_total{decision="limited",method="POST",status_class="4xx"} 1',
      'gateway_requests_total{decision="rejected",method="GET",status_class="5xx"} 1',
      'gateway_limiter_decisions_total{bucket="client",decision="limited"} 2',
      'gateway_limiter_given_up_total{bucket="client"} 8',
      'gateway_limiter_given_up_total{bucket="anonymous"} 9',
      'gateway_own_duration_seconds_bucket{le="0.000005"} 1',
      'gateway_own_duration_seconds_bucket{le="0.00002"} 1',
      'gateway_own_duration_seconds_bucket{le="0.00005"} 2',
      'gateway_responses_total{origin="gateway",status_class="4xx"} 1',
      "gateway_requests_in_flight 1",
      'gateway_request_duration_seconds_bucket{le="0.0001"} 0',
      'gateway_request_duration_seconds_bucket{le="0.00025"} 2',
      'gateway_request_duration_seconds_bucket{le="0.005"} 3',
      'gateway_request_duration_seconds_bucket{le="60"} 3',
      'gateway_request_duration_seconds_bucket{le="+Inf"} 4',
      "gateway_request_duration_seconds_count 4",
      'gateway_backend_up{backend="http://10.0.0.1:80"} 1',
      'gateway_backend_up{backend="http://[::1]:80"} 0',
      'gateway_backend_requests_in_flight{backend="http://10.0.0.1:80"} 1',
      'gateway_backend_check_duration_seconds{backend="http://10.0.0.1:80"} 0.0025',
      "gateway_clients 41",
      "gateway_connections 12",
      'gateway_unread_requests_total{status="431"} 2',
      'gateway_unread_requests_total{status="other"} 1',
      "gateway_clients_capacity 1000",
      "gateway_anonymous_entries 5",
      "gateway_anonymous_evictions_total 6",
      "gateway_anonymous_overflows_total 7",
      "gateway_database_up 1",
      "gateway_ready 1",
      "gateway_workers 2",
      "gateway_flush_pending_clients 9",
      "gateway_flush_duration_seconds_sum 0.25",
      "gateway_flush_duration_seconds_count 2",
      `gateway_build_info{version="1.2.3",bun="${Bun.version}"} 1`,
    ]) {
      expect(lines).toContain(line);
    }
  });

  test("tells about the process itself", () => {
    const text = setUp().text();
    expect(Number(/^process_cpu_seconds_total (.+)$/m.exec(text)![1])).toBeGreaterThan(0);
    expect(Number(/^process_resident_memory_bytes (.+)$/m.exec(text)![1])).toBeGreaterThan(1e6);
    expect(Number(/^process_open_fds (.+)$/m.exec(text)![1])).toBeGreaterThan(2);
  });

  test("HELP and TYPE once a family, every family by its rules", () => {
    const text = busy().text();
    const named = FAMILIES.map((family) => family.name);
    expect(new Set(named).size).toBe(named.length);
    for (const { name, type } of FAMILIES) {
      expect(text.split(`# TYPE ${name} ${type}\n`)).toHaveLength(2);
      expect(text.split(`# HELP ${name} `)).toHaveLength(2);
      expect(name.endsWith("_total")).toBe(type === "counter");
    }
    expect(text.endsWith("\n")).toBe(true);
    expect(text).not.toMatch(/NaN|undefined/);
  });

  test("samples have the labels that their family says", () => {
    const reading = takeReading(busy().sources);
    for (const { name, labels = [], samples } of FAMILIES) {
      for (const sample of samples(reading)) {
        const { le: _, ...others } = sample.labels ?? {};
        expect([name, Object.keys(others)]).toEqual([name, [...labels]]);
      }
    }
  });

  test("label values and help are escaped", () => {
    const family = { name: "x", type: "gauge", help: "a\\b\nc", samples: () => [] } as const;
    const sample = { labels: { a: 'q"\\\n' }, value: Number.POSITIVE_INFINITY };
    expect(familyText("prometheus", family, [sample])).toBe(
      '# HELP x a\\\\b\\nc\n# TYPE x gauge\nx{a="q\\"\\\\\\n"} +Inf\n',
    );
  });
});

describe("OpenMetrics", () => {
  // The only strict reader among promtool's commands wants a time on each sample.
  const readable = (text: string): string =>
    text.replace(/^([^#].*)$/gm, (line) => `${line} ${Math.floor(Date.now() / 1000)}`);

  const openMetricsProblems = async (text: string): Promise<string> => {
    const folder = mkdtempSync(join(tmpdir(), "gateway-metrics-"));
    try {
      const file = join(folder, "metrics.txt");
      await Bun.write(file, readable(text));
      const reader = Bun.spawn(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", file, join(folder, "blocks")],
        { stdout: "ignore", stderr: "pipe" },
      );
      const said = await new Response(reader.stderr).text();
      return (await reader.exited) === 0 ? "" : said;
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  test.skipIf(noPromtool)("is read by Prometheus", async () => {
    expect(await openMetricsProblems(setUp().text("openmetrics"))).toBe("");
    const text = busy().text("openmetrics");
    expect(await openMetricsProblems(text)).toBe("");
    // The reader does read: it sees what is wrong.
    expect(await openMetricsProblems(text.replace("# EOF\n", ""))).not.toBe("");
    expect(
      await openMetricsProblems(text.replace(/^gateway_clients /m, "gateway clients ")),
    ).not.toBe("");
  });

  test("names counters, units and bounds by its own rules", () => {
    const lines = busy().text("openmetrics").split("\n");
    for (const line of [
      "# TYPE gateway_requests counter",
      "# TYPE process_cpu_seconds counter",
      "# UNIT process_cpu_seconds seconds",
      "# UNIT gateway_request_duration_seconds seconds",
      "# UNIT process_resident_memory_bytes bytes",
      'gateway_request_duration_seconds_bucket{le="1.0"} 3',
      "gateway_anonymous_evictions_total 6",
    ]) {
      expect(lines).toContain(line);
    }
    expect(lines.slice(-2)).toEqual(["# EOF", ""]);
    const families = FAMILIES.map(({ name }) => name.replace(/_total$/, ""));
    expect(new Set(families).size).toBe(families.length);
  });

  test("says the same as the plain text", () => {
    const { text } = busy();
    const values = (format: MetricsFormat) =>
      text(format)
        .split("\n")
        .filter((line) => line !== "" && !/^(#|process_)/.test(line))
        .map((line) => line.replace(/le="(\d+)\.0"/, 'le="$1"'));
    expect(values("openmetrics")).toEqual(values("prometheus"));
  });
});

test.each([
  [null, "prometheus"],
  ["*/*", "prometheus"],
  ["text/plain", "prometheus"],
  ["application/openmetrics-text", "openmetrics"],
  [
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    "openmetrics",
  ],
  ["text/plain;q=0.9, application/OpenMetrics-Text;q=0.5", "prometheus"],
  ["application/openmetrics-text;q=0", "prometheus"],
] as const)("Accept: %s gets %s", (accept, format) => {
  expect(formatFor(accept)).toBe(format);
});
