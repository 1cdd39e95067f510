// The Grafana dashboard, made from this list of panels. `grafana-dashboard.json` is what it makes, for
// people to import; `UPDATE_FILES=1 bun test test/observability` writes it anew.

/** What a panel's values are, in Grafana's words. */
type Unit = "reqps" | "s" | "percentunit" | "short" | "bytes";

interface Query {
  readonly expr: string;
  readonly legend: string;
}

interface Panel {
  readonly title: string;
  readonly kind: "timeseries" | "stat" | "state-timeline";
  readonly unit: Unit;
  /** Of 24 columns. */
  readonly width: number;
  readonly queries: readonly Query[];
  readonly stacked?: boolean;
  readonly description?: string;
}

interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const AT = 'job="$job", instance=~"$instance"';
const PER_SECOND = "[$__rate_interval]";

const sumRate = (metric: string, by: string, more = ""): string =>
  `sum by (${by}) (rate(${metric}{${AT}${more}}${PER_SECOND}))`;

const quantiles = (metric: string): Query[] =>
  [0.5, 0.9, 0.99].map((q) => ({
    expr: `histogram_quantile(${q}, ${sumRate(`${metric}_bucket`, "le")})`,
    legend: `p${q * 100}`,
  }));

const one = (expr: string, legend = "{{instance}}"): Query[] => [{ expr, legend }];

const ROWS: readonly Row[] = [
  {
    title: "At a glance",
    panels: [
      stat("Ready", "short", `min(gateway_ready{${AT}})`),
      stat("Requests a second", "reqps", `sum(rate(gateway_requests_total{${AT}}${PER_SECOND}))`),
      stat(
        "Limited",
        "percentunit",
        `sum(rate(gateway_limiter_decisions_total{${AT}, decision="limited"}${PER_SECOND})) / sum(rate(gateway_limiter_decisions_total{${AT}}${PER_SECOND}))`,
      ),
      stat(
        "Errors",
        "percentunit",
        `sum(rate(gateway_responses_total{${AT}, status_class="5xx"}${PER_SECOND})) / sum(rate(gateway_responses_total{${AT}}${PER_SECOND}))`,
      ),
      stat("Backends open", "short", `sum(gateway_backend_open{${AT}})`),
      stat("Clients", "short", `max(gateway_clients{${AT}})`),
    ],
  },
  {
    title: "Traffic",
    panels: [
      plot(
        "Requests by decision",
        "reqps",
        one(sumRate("gateway_requests_total", "decision"), "{{decision}}"),
        {
          stacked: true,
        },
      ),
      plot(
        "Answers by status",
        "reqps",
        one(
          sumRate("gateway_responses_total", "origin, status_class"),
          "{{origin}} {{status_class}}",
        ),
        {
          stacked: true,
        },
      ),
      plot(
        "Requests by method",
        "reqps",
        one(sumRate("gateway_requests_total", "method"), "{{method}}"),
      ),
      plot("In flight", "short", [
        ...one(`sum(gateway_requests_in_flight{${AT}})`, "requests"),
        ...one(`sum(gateway_connections{${AT}})`, "connections"),
      ]),
      plot(
        "Refused before they were requests",
        "reqps",
        one(sumRate("gateway_unread_requests_total", "status"), "{{status}}"),
      ),
    ],
  },
  {
    title: "Latency",
    panels: [
      plot("Whole answer", "s", quantiles("gateway_request_duration_seconds")),
      plot("Backends, to their headers", "s", quantiles("gateway_upstream_duration_seconds")),
      plot("The gateway itself", "s", quantiles("gateway_own_duration_seconds"), {
        description: "Until a request is sent to a backend, or answered here.",
      }),
    ],
  },
  {
    title: "Backends",
    panels: [
      {
        title: "Open",
        kind: "state-timeline",
        unit: "short",
        width: 24,
        queries: one(`gateway_backend_open{${AT}}`, "{{backend}}"),
      },
      plot(
        "Requests",
        "reqps",
        one(sumRate("gateway_backend_requests_total", "backend"), "{{backend}}"),
      ),
      plot(
        "In flight",
        "short",
        one(`sum by (backend) (gateway_backend_requests_in_flight{${AT}})`, "{{backend}}"),
      ),
      plot("Failures and retries", "reqps", [
        ...one(sumRate("gateway_upstream_failures_total", "reason"), "{{reason}}"),
        ...one(sumRate("gateway_backend_retries_total", "backend"), "retried at {{backend}}"),
      ]),
      plot(
        "Ejections",
        "short",
        one(
          `sum by (backend) (increase(gateway_backend_ejections_total{${AT}}${PER_SECOND}))`,
          "{{backend}}",
        ),
      ),
    ],
  },
  {
    title: "Limiter",
    panels: [
      plot(
        "Decisions",
        "reqps",
        one(
          sumRate("gateway_limiter_decisions_total", "bucket, decision"),
          "{{bucket}} {{decision}}",
        ),
      ),
      plot("Anonymous addresses", "short", [
        ...one(`gateway_anonymous_entries{${AT}}`, "buckets"),
        ...one(`rate(gateway_anonymous_evictions_total{${AT}}${PER_SECOND})`, "evictions a second"),
        ...one(`rate(gateway_anonymous_overflows_total{${AT}}${PER_SECOND})`, "shared a second"),
      ]),
      plot("Registered clients", "short", [
        ...one(`gateway_clients{${AT}}`, "clients"),
        ...one(`gateway_clients_capacity{${AT}}`, "room"),
      ]),
    ],
  },
  {
    title: "Database and process",
    panels: [
      plot("Flush", "s", [
        ...one(
          `rate(gateway_flush_duration_seconds_sum{${AT}}${PER_SECOND}) / rate(gateway_flush_duration_seconds_count{${AT}}${PER_SECOND})`,
          "duration",
        ),
        ...one(`time() - (gateway_flush_last_success_timestamp_seconds{${AT}} > 0)`, "age"),
      ]),
      plot("Buckets to write", "short", one(`gateway_flush_pending_clients{${AT}}`)),
      plot("Processor", "short", one(`rate(process_cpu_seconds_total{${AT}}${PER_SECOND})`)),
      plot("Memory", "bytes", one(`process_resident_memory_bytes{${AT}}`)),
      plot("Descriptors", "short", one(`process_open_fds{${AT}}`)),
      plot("Workers", "short", [
        ...one(`gateway_workers_ready{${AT}}`, "listening"),
        ...one(`increase(gateway_worker_restarts_total{${AT}}${PER_SECOND})`, "restarted"),
      ]),
    ],
  },
];

function stat(title: string, unit: Unit, expr: string): Panel {
  return { title, kind: "stat", unit, width: 4, queries: one(expr, "") };
}

function plot(
  title: string,
  unit: Unit,
  queries: readonly Query[],
  more: Pick<Panel, "stacked" | "description"> = {},
): Panel {
  return { title, kind: "timeseries", unit, width: 8, queries, ...more };
}

const HEIGHTS: Readonly<Record<Panel["kind"], number>> = {
  stat: 4,
  "state-timeline": 6,
  timeseries: 8,
};
const SOURCE = { type: "prometheus", uid: "${datasource}" };

/** For `Dashboards → Import`, of Grafana 10 and later. */
export function grafanaDashboard(): object {
  return {
    uid: "gateway",
    title: "Gateway",
    tags: ["gateway"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: "10s",
    time: { from: "now-1h", to: "now" },
    timezone: "browser",
    templating: { list: variables() },
    panels: panels(),
  };
}

function variables(): object[] {
  const labels = (name: string, query: string, more: object) => ({
    name,
    type: "query",
    datasource: SOURCE,
    query: { query, refId: name },
    refresh: 2,
    ...more,
  });
  return [
    { name: "datasource", type: "datasource", query: "prometheus" },
    labels("job", "label_values(gateway_build_info, job)", {}),
    labels("instance", 'label_values(gateway_build_info{job="$job"}, instance)', {
      multi: true,
      includeAll: true,
      allValue: ".*",
      current: { text: "All", value: "$__all" },
    }),
  ];
}

function panels(): object[] {
  const made: object[] = [];
  let y = 0;
  for (const row of ROWS) {
    made.push({
      id: made.length + 1,
      type: "row",
      title: row.title,
      gridPos: { h: 1, w: 24, x: 0, y },
    });
    y += 1;
    let x = 0;
    let height = 0;
    for (const panel of row.panels) {
      if (x + panel.width > 24) {
        x = 0;
        y += height;
      }
      height = HEIGHTS[panel.kind];
      made.push(panelOf(panel, made.length + 1, { h: height, w: panel.width, x, y }));
      x += panel.width;
    }
    y += height;
  }
  return made;
}

function panelOf(panel: Panel, id: number, gridPos: object): object {
  const { title, kind, unit, queries, description, stacked = false } = panel;
  return {
    id,
    type: kind,
    title,
    ...(description && { description }),
    gridPos,
    datasource: SOURCE,
    fieldConfig: { defaults: { unit, min: 0, custom: drawn(kind, stacked) }, overrides: [] },
    options: kind === "timeseries" ? { tooltip: { mode: "multi" } } : {},
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: SOURCE,
      expr,
      legendFormat: legend,
    })),
  };
}

function drawn(kind: Panel["kind"], stacked: boolean): object {
  if (kind !== "timeseries") return {};
  return { fillOpacity: stacked ? 40 : 10, stacking: { mode: stacked ? "normal" : "none" } };
}
