// The shapes of the status routes.

import { t, type Static } from "elysia";

export const BackendStatusBody = t.Object(
  {
    url: t.String({ description: "Origin of the backend." }),
    healthy: t.Boolean({ description: "Whether it gets requests now." }),
    weight: t.Number({ description: "Share of the traffic relative to the others." }),
    in_flight: t.Number({ description: "Requests it is working on." }),
    requests: t.Number({ description: "Requests sent to it since the gateway started." }),
    failures: t.Number({ description: "Those that ended without an answer." }),
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
        url: "http://10.0.0.1:8080",
        healthy: true,
        weight: 1,
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
