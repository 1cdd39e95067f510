// What the OpenAPI document says about the usage routes beyond their schemas.

import { GUARDED, json, refusals } from "../openapi.ts";

export const usage = {
  tags: ["clients"],
  operationId: "clientUsage",
  summary: "What has a client used?",
  description:
    "Counted over all workers of this gateway, in memory: the counts start with the process.",
  responses: { 200: json("Its use.", "Usage"), ...refusals(...GUARDED, 404, 503) },
};

export const reset = {
  tags: ["clients"],
  operationId: "resetClient",
  summary: "Reset a client",
  description:
    "Its bucket is full again and its counts are zero. When the answer arrives, the bucket is stored and every worker sees it.",
  responses: { 200: json("The client, full.", "Client"), ...refusals(...GUARDED, 404, 422, 503) },
};

export const top = {
  tags: ["status"],
  operationId: "top",
  summary: "Who is busiest?",
  description:
    "Registered clients and anonymous addresses with the most requests let through or refused. Made at most once a second.",
  responses: { 200: json("The busiest.", "Top"), ...refusals(...GUARDED, 422, 503) },
};
