// The status routes: is the gateway alive, should it get traffic, what has it counted. They only show
// what is handed in.

import { Elysia } from "elysia";
import { problem } from "../../shared/problem.ts";
import { CONTENT_TYPES, formatFor } from "../metrics/negotiate.ts";
import type { MetricsFormat } from "../metrics/text.ts";
import { GUARDED, json, refusals } from "../openapi.ts";
import { methodNotAllowed } from "../refusal.ts";

export type Readiness =
  | { readonly ready: true }
  /** `reason` is a sentence for people: "The gateway is draining." */
  | { readonly ready: false; readonly reason: string };

export interface StatusControllerOptions {
  readonly readiness: () => Readiness;
  readonly metrics: (format: MetricsFormat) => string | Promise<string>;
}

const PATHS = ["/-/healthy", "/-/ready", "/-/metrics"];

const tags = ["status"];
/** Load balancers and orchestrators ask without credentials. */
const open = { tags, security: [] };

export function statusController({ readiness, metrics }: StatusControllerOptions) {
  const controller = new Elysia()
    .get("/-/healthy", () => ({ status: "ok" }), {
      detail: {
        ...open,
        operationId: "healthy",
        summary: "Is the gateway alive?",
        description: "Answers 200 as long as the process can answer at all.",
        responses: { 200: json("It is alive.", "Status") },
      },
    })
    .get("/-/ready", () => ready(readiness()), {
      detail: {
        ...open,
        operationId: "ready",
        summary: "Should the gateway get traffic?",
        description: "503 while starting, while draining, and with no healthy backend.",
        responses: {
          200: json("It should.", "Status"),
          503: { $ref: "#/components/responses/NotReady" },
        },
      },
    })
    .get(
      "/-/metrics",
      async ({ request }) => {
        const format = formatFor(request.headers.get("accept"));
        const headers = { "content-type": CONTENT_TYPES[format], vary: "accept" };
        return new Response(await metrics(format), { headers });
      },
      {
        detail: {
          tags,
          operationId: "metrics",
          summary: "Prometheus metrics",
          description:
            "Counted over all workers, in the Prometheus text format, or as OpenMetrics when `Accept` names it.",
          responses: {
            200: {
              description: "The metrics.",
              content: {
                "text/plain": {
                  schema: { type: "string" as const },
                  example: "# TYPE gateway_backend_up gauge",
                },
                "application/openmetrics-text": { schema: { type: "string" as const } },
              },
            },
            ...refusals(...GUARDED),
          },
        },
      },
    );
  for (const path of PATHS) {
    controller.all(path, methodNotAllowed("GET"), { detail: { hide: true }, parse: "none" });
  }
  return controller;
}

function ready(state: Readiness): Response | { status: string } {
  if (state.ready) return { status: "ready" };
  return problem(503, { title: "Not Ready", detail: state.reason }, { "retry-after": "1" });
}
