// What became of requests, and how long they took.

import {
  type CounterName,
  DECISIONS,
  METHOD_CLASSES,
  STATUS_CLASSES,
  UNREAD_STATUSES,
} from "../../../shared/metric-columns.ts";
import {
  byLabel,
  counted,
  type Family,
  gauge,
  histogramSamples,
  type Sample,
  single,
} from "../family.ts";
import type { Reading } from "../sources.ts";

const UPSTREAM_FAILURES: Readonly<Record<string, CounterName>> = {
  connect: "upstream_connect_failed",
  reset: "upstream_reset",
  timeout: "upstream_timeout",
  none_healthy: "upstream_none_healthy",
  saturated: "upstream_saturated",
};

const ORIGINS = ["backend", "gateway"] as const;

/** Status classes that can follow a decision; the others are shown only if they came all the same. */
const USUAL: Readonly<Record<(typeof DECISIONS)[number], readonly string[]>> = {
  admitted: STATUS_CLASSES,
  limited: ["4xx"],
  rejected: ["4xx"],
  bad_request: ["4xx", "5xx"],
  answered: [],
};

export const REQUESTS: readonly Family[] = [
  {
    name: "gateway_requests_total",
    type: "counter",
    help: "Requests by what was decided about them, method, and status class of the answer.",
    labels: ["decision", "method", "status_class"],
    samples: answers,
  },
  {
    name: "gateway_responses_total",
    type: "counter",
    help: "Answers by who made them, a backend or the gateway itself, and status class.",
    labels: ["origin", "status_class"],
    samples: ({ metrics }) =>
      ORIGINS.flatMap((origin) =>
        STATUS_CLASSES.map((status_class) => ({
          labels: { origin, status_class },
          value: metrics.total(`responses_${origin}_${status_class}`),
        })),
      ),
  },
  {
    name: "gateway_unread_requests_total",
    type: "counter",
    help: "Refused before they were requests, and counted nowhere else: malformed, too slow, or on a connection above the limits.",
    labels: ["status"],
    samples: ({ metrics }) =>
      [...UNREAD_STATUSES, "other" as const].map((status) => ({
        labels: { status: String(status) },
        value: metrics.total(`unread_${status}`),
      })),
  },
  gauge("gateway_connections", "Open connections of clients.", ({ connections }) => connections),
  {
    name: "gateway_requests_in_flight",
    type: "gauge",
    help: "Requests whose answer has not ended.",
    samples: ({ metrics }) => single(metrics.inFlight()),
  },
  {
    name: "gateway_request_duration_seconds",
    type: "histogram",
    help: "Time from a request to the end of its answer.",
    samples: ({ metrics }) => histogramSamples(metrics.histogram("request")),
  },
  {
    name: "gateway_upstream_duration_seconds",
    type: "histogram",
    help: "Time from a forwarded request to the response headers of the backend.",
    samples: ({ metrics }) => histogramSamples(metrics.histogram("upstream")),
  },
  {
    name: "gateway_own_duration_seconds",
    type: "histogram",
    help: "Time from a request until it is sent to a backend or answered here; those tried more than once are left out.",
    samples: ({ metrics }) => histogramSamples(metrics.histogram("own")),
  },
  {
    name: "gateway_upstream_failures_total",
    type: "counter",
    help: "Tries to forward a request that brought no answer, or only a part of one, by reason.",
    labels: ["reason"],
    samples: (reading) => byLabel(reading, "reason", UPSTREAM_FAILURES),
  },
  counted("gateway_upstream_retries_total", "upstream_retries", "Tries after the first one."),
  counted(
    "gateway_upstream_retries_refused_total",
    "upstream_retries_refused",
    "Failures that were not tried again because the budget of retries was used up.",
  ),
  counted("gateway_client_aborts_total", "client_aborts", "Clients that left before the end."),
];

/** Known series are there from the start, so that no increase is missed by a rate. */
function answers({ metrics }: Reading): Sample[] {
  const samples: Sample[] = [];
  for (const [d, decision] of DECISIONS.entries()) {
    for (const [m, method] of METHOD_CLASSES.entries()) {
      for (const [s, status_class] of STATUS_CLASSES.entries()) {
        const value = metrics.answers(d, m, s);
        if (value === 0 && !USUAL[decision].includes(status_class)) continue;
        samples.push({ labels: { decision, method, status_class }, value });
      }
    }
  }
  return samples;
}
