// Small pieces of OpenAPI that several controllers say about their routes. The refusals stand once
// in the document's components (swagger/document.ts) and are referred to by status.

import type { OpenAPIV3 } from "openapi-types";

/** The refusals a control route may answer with, and their names among the components. */
export const REFUSALS = {
  400: { name: "BadRequest", description: "The body is not well-formed JSON." },
  401: { name: "Unauthorized", description: "The admin token is missing or wrong." },
  403: { name: "Forbidden", description: "No token is set, and this peer is not allowed." },
  404: { name: "NotFound", description: "There is nothing with this id." },
  409: { name: "Conflict", description: "There is one with this id already." },
  413: { name: "ContentTooLarge", description: "The body is over 64 KB." },
  415: { name: "UnsupportedMediaType", description: "The body is not application/json." },
  422: { name: "InvalidFields", description: "Fields are not acceptable; `errors` names each." },
  503: {
    name: "ServiceUnavailable",
    description:
      "The database cannot be reached; `detail` says whether a change may have been made.",
  },
  507: { name: "InsufficientStorage", description: "The gateway holds as many as it can." },
} as const;

/** On every guarded route. */
export const GUARDED = [401, 403] as const;
/** On every route with a JSON body. */
export const JSON_BODY = [400, 413, 415, 422] as const;

export function refusals(
  ...statuses: readonly (keyof typeof REFUSALS)[]
): Record<string, OpenAPIV3.ReferenceObject> {
  return Object.fromEntries(
    statuses.map((status) => [status, { $ref: `#/components/responses/${REFUSALS[status].name}` }]),
  );
}

/** A 2xx answer of JSON whose schema is among the components. */
export function json(
  description: string,
  schema: string,
  headers?: OpenAPIV3.ResponseObject["headers"],
): OpenAPIV3.ResponseObject {
  return {
    description,
    ...(headers && { headers }),
    content: { "application/json": { schema: { $ref: `#/components/schemas/${schema}` } } },
  };
}
