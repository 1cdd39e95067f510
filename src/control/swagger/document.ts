// What the OpenAPI document says about the gateway as a whole: its components, its refusals, its
// security, and the routes that describe themselves here because they serve the document.

import type { TSchema } from "elysia";
import type { OpenAPIV3 } from "openapi-types";
import { BulkReportBody, ClientBody, NewClientBody, PageBody } from "../clients/model.ts";
import { ClientRowsBody } from "../dashboard/client-rows-model.ts";
import { ExplanationBody } from "../explain/model.ts";
import { GUARDED, REFUSALS, refusals } from "../openapi.ts";
import { BackendsBody, BackendStatusBody, StatusBody } from "../status/model.ts";
import { TopBody, UsageBody } from "../usage/model.ts";

export interface DocumentOptions {
  readonly version: string;
  /** Whether the control routes need the admin token. */
  readonly withToken: boolean;
}

const problem = {
  type: "object",
  description: "A refusal, as RFC 9457 has it.",
  required: ["type", "title", "status", "detail"],
  properties: {
    type: {
      type: "string",
      description: "Names the kind of problem; `about:blank` is the status.",
    },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "What went wrong, and what helps." },
    errors: {
      type: "array",
      description: "With 422: each field at fault.",
      items: {
        type: "object",
        required: ["field", "message"],
        properties: { field: { type: "string" }, message: { type: "string" } },
      },
    },
  },
};

/** The rest of an OpenAPI 3.1 document; @elysiajs/swagger adds the paths of the routes. */
export function documentation({ version, withToken }: DocumentOptions) {
  return {
    // 3.1 has JSON Schema as it is; 3.0 knows neither a numeric exclusiveMinimum nor examples.
    openapi: "3.1.0",
    info: {
      title: "Gateway",
      description: "Control routes of the gateway: clients and their limits, backends, status.",
      version,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "This gateway." }],
    tags: [
      { name: "clients", description: "Registered clients and their limits." },
      { name: "backends", description: "Where requests go." },
      { name: "status", description: "The gateway itself." },
      { name: "dashboard", description: "The live page." },
      { name: "documentation", description: "This description." },
    ],
    security: withToken ? [{ adminToken: [] }] : [],
    paths: ownPaths,
    components: {
      schemas: schemas({
        Client: ClientBody,
        ClientPage: PageBody,
        NewClient: NewClientBody,
        BulkReport: BulkReportBody,
        Usage: UsageBody,
        Top: TopBody,
        Backend: BackendStatusBody,
        Backends: BackendsBody,
        Status: StatusBody,
        Explanation: ExplanationBody,
        ClientRows: ClientRowsBody,
        Problem: problem,
      }),
      responses: refusalComponents(),
      ...(withToken && {
        securitySchemes: {
          adminToken: { type: "http" as const, scheme: "bearer", description: "ADMIN_TOKEN" },
        },
      }),
    },
  };
}

/** Plain JSON Schema: TypeBox's own keys are symbols, which do not survive. */
function schemas(all: Record<string, TSchema | object>): Record<string, OpenAPIV3.SchemaObject> {
  return JSON.parse(JSON.stringify(all)) as Record<string, OpenAPIV3.SchemaObject>;
}

function refusalComponents(): Record<string, OpenAPIV3.ResponseObject> {
  const entries = Object.entries(REFUSALS).map(([status, { name, description }]) => {
    return [name, problemAnswer(Number(status), name, description)] as const;
  });
  const notReady = problemAnswer(503, "NotReady", "Starting, draining, or no backend is healthy.");
  return { ...Object.fromEntries(entries), NotReady: notReady };
}

function problemAnswer(
  status: number,
  name: string,
  description: string,
): OpenAPIV3.ResponseObject {
  const example = {
    type: "about:blank",
    title: name.replace(/(?<=[a-z])(?=[A-Z])/g, " "),
    status,
    detail: description,
    ...(status === 422 && {
      errors: [{ field: "capacity", message: "must be a number from 1 to 1000000000, not 0" }],
    }),
  };
  return {
    description,
    content: {
      "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" }, example },
    },
  };
}

const ownPaths: OpenAPIV3.PathsObject = {
  "/swagger": {
    get: {
      tags: ["documentation"],
      operationId: "swaggerUi",
      summary: "Swagger UI",
      description: "The page to read and try the control routes. It needs no other host.",
      responses: {
        200: { description: "The page.", content: { "text/html": { schema: { type: "string" } } } },
        ...refusals(...GUARDED),
      },
    },
  },
  "/swagger/json": {
    get: {
      tags: ["documentation"],
      operationId: "openApi",
      summary: "OpenAPI document",
      description: "This document.",
      responses: {
        200: {
          description: "The document.",
          content: { "application/json": { schema: { type: "object" } } },
        },
        ...refusals(...GUARDED),
      },
    },
  },
};
