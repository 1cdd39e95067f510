// What the OpenAPI document says about the clients routes beyond their schemas.

import { GUARDED, JSON_BODY, json, refusals } from "../openapi.ts";

const tags = ["clients"];

export const create = {
  tags,
  operationId: "createClient",
  summary: "Register a client",
  description: "When the answer arrives, every worker already enforces the limit.",
  responses: {
    201: json("The client, registered.", "Client", {
      Location: { description: "Path of the client.", schema: { type: "string" as const } },
    }),
    ...refusals(...GUARDED, ...JSON_BODY, 409, 503, 507),
  },
};

export const putMany = {
  tags,
  operationId: "putClients",
  summary: "Register or replace many clients",
  description:
    "One client a line, at most 64 MB, stored a thousand at a time. Without `current_tokens` a new bucket starts full and another keeps the fraction that is left. Lines that are not acceptable are left out, and said. Putting the same lines again changes nothing, so an upload that broke off is simply repeated.",
  requestBody: {
    required: true,
    content: {
      "application/x-ndjson": {
        schema: { $ref: "#/components/schemas/NewClient" },
        example:
          '{"client_id":"a","capacity":100,"rate_per_sec":5}\n{"client_id":"b","capacity":10,"rate_per_sec":1}\n',
      },
    },
  },
  responses: {
    200: json("What became of the lines.", "BulkReport"),
    ...refusals(...GUARDED, 413, 415, 503),
  },
};

export const list = {
  tags,
  operationId: "listClients",
  summary: "List clients",
  description: "Ordered by `client_id`, a page at a time.",
  responses: { 200: json("A page of clients.", "ClientPage"), ...refusals(...GUARDED, 422, 503) },
};

export const get = {
  tags,
  operationId: "getClient",
  summary: "Look at a client",
  description: "`current_tokens` is live: what a request of this moment would find.",
  responses: { 200: json("The client.", "Client"), ...refusals(...GUARDED, 404, 503) },
};

export const replace = {
  tags,
  operationId: "replaceClient",
  summary: "Replace a client's limits",
  description:
    "Without `current_tokens` the bucket keeps the fraction that is left: 50 of 100 becomes 100 of 200.",
  responses: {
    200: json("The client, changed.", "Client"),
    ...refusals(...GUARDED, ...JSON_BODY, 404, 503),
  },
};

export const update = {
  tags,
  operationId: "updateClient",
  summary: "Change some of a client's limits",
  description: "What is left out stays. A changed capacity keeps the fraction that is left.",
  responses: {
    200: json("The client, changed.", "Client"),
    ...refusals(...GUARDED, ...JSON_BODY, 404, 503),
  },
};

export const remove = {
  tags,
  operationId: "deleteClient",
  summary: "Delete a client",
  description: "Its requests count as unknown from then on.",
  responses: {
    204: { description: "The client is gone." },
    ...refusals(...GUARDED, 404, 503),
  },
};
