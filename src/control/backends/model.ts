// The shapes of the routes that change backends. What a backend looks like stands in status/model.ts.

import { t } from "elysia";
import { MAX_IN_FLIGHT, MAX_WEIGHT } from "../../shared/backend-url.ts";

const url = t.String({
  title: "a URL such as http://10.0.0.1:8080",
  description: "`http` or `https`, a host, and a port: `http://10.0.0.1:8080`. Nothing more.",
});

const weight = t.Number({
  minimum: 1,
  maximum: MAX_WEIGHT,
  multipleOf: 1,
  description: "Share of the traffic relative to the others.",
});

const maxInFlight = t.Union(
  [t.Number({ minimum: 1, maximum: MAX_IN_FLIGHT, multipleOf: 1 }), t.Null()],
  {
    title: `a whole number from 1 to ${MAX_IN_FLIGHT}, or null`,
    description: "Most requests at a time over all workers; null is no limit.",
  },
);

const draining = t.Boolean({
  title: "true or false",
  description: "Takes no new requests and finishes those it has.",
});

const strict = { additionalProperties: false };

export const NewBackendBody = t.Object(
  { url, weight: t.Optional(weight), max_in_flight: t.Optional(maxInFlight) },
  {
    ...strict,
    description: "A backend to add. Without `weight` it is 1, without `max_in_flight` unlimited.",
    examples: [{ url: "http://10.0.0.4:8080", weight: 2 }],
  },
);

/** An empty patch is refused: it is a mistake more often than a wish. */
export const BackendPatchBody = t.Partial(
  t.Object({ weight, max_in_flight: maxInFlight, draining }),
  {
    ...strict,
    minProperties: 1,
    description: "What to change, at least one of it.",
    examples: [{ draining: true }],
  },
);

export const BackendParams = t.Object({
  id: t.String({ description: "`id` of the backend, as the list shows it." }),
});
