// What the OpenAPI document says about the dashboard's routes.

import { GUARDED, json, refusals } from "../openapi.ts";

const tags = ["dashboard"];

export const page = {
  tags,
  operationId: "dashboard",
  summary: "The live page",
  description:
    "Traffic, backends and clients as they are now. It holds no data itself; with an admin token " +
    "set it is open, and asks for the token.",
  responses: {
    200: {
      description: "The page.",
      content: { "text/html": { schema: { type: "string" as const } } },
    },
    ...refusals(...GUARDED),
  },
};

export const events = {
  tags,
  operationId: "dashboardEvents",
  summary: "What the live page shows, as events",
  description:
    "Server-sent events: `history` first, the seconds of the last 15 minutes; then `state` each " +
    "second. Ends when the gateway drains.",
  responses: {
    200: {
      description: "The stream.",
      content: {
        "text/event-stream": {
          schema: { type: "string" as const },
          example: 'event: history\ndata: {"samples":[]}\n\n',
        },
      },
    },
    ...refusals(...GUARDED, 503),
  },
};

export const clients = {
  tags,
  operationId: "dashboardClients",
  summary: "Clients by id or by use",
  description:
    "A page of clients with their live buckets and their totals. The orders by use reach the " +
    "first thousand.",
  responses: {
    200: json("The clients.", "ClientRows"),
    ...refusals(...GUARDED, 422, 503),
  },
};

export const buckets = {
  tags,
  operationId: "dashboardBuckets",
  summary: "The buckets of some clients",
  description: "Live, in the order asked for; ids that are no clients are left out.",
  responses: { 200: json("The clients.", "ClientRows"), ...refusals(...GUARDED, 422) },
};
