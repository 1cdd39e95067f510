// What the limiters decided, and how full their tables are.

import type { CounterName } from "../../../shared/metric-columns.ts";
import { type Family, gauge, single } from "../family.ts";

const BUCKETS = ["client", "anonymous"] as const;
const OUTCOMES = ["admitted", "limited"] as const;

export const LIMITER: readonly Family[] = [
  {
    name: "gateway_limiter_decisions_total",
    type: "counter",
    help: "What buckets said, of registered clients and of anonymous addresses.",
    labels: ["bucket", "decision"],
    samples: ({ metrics }) =>
      BUCKETS.flatMap((bucket) =>
        OUTCOMES.map((decision) => ({
          labels: { bucket, decision },
          value: metrics.total(`limiter_${bucket}_${decision}` satisfies CounterName),
        })),
      ),
  },
  {
    name: "gateway_limiter_given_up_total",
    type: "counter",
    help: "Requests limited because their bucket changed under every try; expected to stay 0.",
    labels: ["bucket"],
    samples: ({ anonymous, clientsGivenUp }) => [
      { labels: { bucket: "client" }, value: clientsGivenUp },
      { labels: { bucket: "anonymous" }, value: anonymous.givenUp },
    ],
  },
  gauge("gateway_clients_capacity", "Most clients that can be registered.", (reading) => {
    return reading.maxClients;
  }),
  gauge("gateway_clients", "Registered clients.", ({ clients }) => clients),
  gauge(
    "gateway_anonymous_entries",
    "Anonymous addresses with a bucket of their own.",
    ({ anonymous }) => anonymous.entries,
  ),
  {
    name: "gateway_anonymous_evictions_total",
    type: "counter",
    help: "Full buckets of anonymous addresses that made room for another address.",
    samples: ({ anonymous }) => single(anonymous.evictions),
  },
  {
    name: "gateway_anonymous_overflows_total",
    type: "counter",
    help: "Requests of anonymous addresses that had to share a bucket.",
    samples: ({ anonymous }) => single(anonymous.overflows),
  },
];
