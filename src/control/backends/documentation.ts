// What the OpenAPI document says about the backends routes beyond their schemas.

import { GUARDED, JSON_BODY, json, refusals } from "../openapi.ts";

const tags = ["backends"];

export const list = {
  tags,
  operationId: "listBackends",
  summary: "How are the backends?",
  description: "Each backend with its health, its requests in flight and its totals.",
  responses: { 200: json("The backends.", "Backends"), ...refusals(...GUARDED) },
};

export const get = {
  tags,
  operationId: "getBackend",
  summary: "How is this backend?",
  description: "One entry of the list.",
  responses: { 200: json("The backend.", "Backend"), ...refusals(...GUARDED, 404) },
};

export const add = {
  tags,
  operationId: "addBackend",
  summary: "Add a backend",
  description:
    "It gets requests as soon as its first health check has succeeded, and is there after a restart too.",
  responses: {
    201: json("The backend, checked once unless it was slow to answer.", "Backend", {
      Location: { description: "Path of the backend.", schema: { type: "string" as const } },
    }),
    ...refusals(...GUARDED, ...JSON_BODY, 409, 503, 507),
  },
};

export const change = {
  tags,
  operationId: "changeBackend",
  summary: "Change a backend's weight or limit, or drain it",
  description:
    "When the answer arrives, every worker acts on it. A draining backend gets no new requests; it can be removed when `in_flight` is 0.",
  responses: {
    200: json("The backend, changed.", "Backend"),
    ...refusals(...GUARDED, ...JSON_BODY, 404, 503),
  },
};

export const remove = {
  tags,
  operationId: "removeBackend",
  summary: "Remove a backend",
  description:
    "It gets no more requests; those in flight finish. One that the configuration names stays removed, until it is added again.",
  responses: {
    204: { description: "The backend is gone." },
    ...refusals(...GUARDED, 404, 503),
  },
};
