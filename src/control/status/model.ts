// The shapes of the status routes.

import { t, type Static } from "elysia";

export const BackendStatusBody = t.Object(
  {
    id: t.String({ description: "Names the backend in paths. Follows from the URL." }),
    url: t.String({ description: "Origin of the backend." }),
    open: t.Boolean({
      description: "Whether it gets requests now: healthy, and nothing else against it.",
    }),
    healthy: t.Boolean({ description: "What health checks and failures to connect say." }),
    ejected_until: t.Union([t.String({ format: "date-time" }), t.Null()], {
      description: "Earliest return after too many failed answers; null while it is not ejected.",
    }),
    draining: t.Boolean({ description: "It takes no new requests and finishes those it has." }),
    forbidden: t.Boolean({
      description: "Its name leads to a link-local or metadata address, so it gets nothing.",
    }),
    weight: t.Number({ description: "Share of the traffic relative to the others." }),
    effective_weight: t.Number({
      description: "The weight that counts now; less while the backend starts slowly.",
    }),
    max_in_flight: t.Union([t.Number(), t.Null()], {
      description: "Most requests at a time over all workers; null is no limit.",
    }),
    in_flight: t.Number({ description: "Requests it is working on." }),
    requests: t.Number({ description: "Requests sent to it since the gateway started." }),
    failures: t.Number({
      description: "Those that brought no answer, or one that broke off.",
    }),
    last_check: t.Union(
      [
        t.Object({
          at: t.String({ format: "date-time", description: "When the check ended." }),
          ok: t.Boolean(),
          detail: t.String({ description: "What it found, e.g. `200` or `connection refused`." }),
          duration_ms: t.Number(),
        }),
        t.Null(),
      ],
      { description: "The latest health check; null before the first." },
    ),
  },
  {
    examples: [
      {
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
        in_flight: 2,
        requests: 1000,
        failures: 0,
        last_check: { at: "2026-01-01T12:00:00.000Z", ok: true, detail: "200", duration_ms: 1.2 },
      },
    ],
  },
);

export type BackendStatus = Static<typeof BackendStatusBody>;

export const BackendsBody = t.Object({
  backends: t.Array(t.Ref("#/components/schemas/Backend")),
});

export const StatusBody = t.Object({ status: t.String() }, { examples: [{ status: "ok" }] });
