// The clients routes over HTTP: shapes and statuses only. What a call does, and when it has taken
// effect, is the port's matter. Every path ends with its own 405, so that no verb falls through.

import { Elysia } from "elysia";
import type { Client, ClientsFailure, ClientsPort } from "../../shared/clients.ts";
import { problem } from "../../shared/problem.ts";
import { readJson } from "../json-body.ts";
import { methodNotAllowed } from "../refusal.ts";
import { type BulkReport, putLines } from "./bulk.ts";
import * as docs from "./documentation.ts";
import { ClientParams, LimitsBody, NewClientBody, PageQuery, PatchBody } from "./model.ts";
import { readPageQuery } from "./page-query.ts";
import { refuse } from "./refuse.ts";

/** `readJson` does the reading; the second entry only tells the OpenAPI document the type. */
const parse = [readJson, "json" as const];
const hidden = { detail: { hide: true }, parse: "none" as const };

export interface ClientsControllerOptions {
  readonly clients: ClientsPort;
  /** An upload is over, however it ended. */
  readonly onUpload: (request: Request, report: BulkReport) => void;
}

export function clientsController({ clients, onUpload }: ClientsControllerOptions) {
  return new Elysia()
    .post(
      "/clients",
      async ({ body, set }) => {
        const result = await clients.create(body);
        if (!result.ok) return refuse(result, body.client_id);
        set.status = 201;
        set.headers["location"] = `/clients/${encodeURIComponent(result.value.client_id)}`;
        return result.value;
      },
      { body: NewClientBody, parse, detail: docs.create },
    )
    .get(
      "/clients",
      async ({ request }) => {
        const result = await clients.list(readPageQuery(request.url));
        return result.ok ? result.value : refuse(result);
      },
      {
        query: PageQuery,
        // Before Elysia's own, generous reading, whose messages would otherwise come first.
        transform: ({ request }) => void readPageQuery(request.url),
        detail: docs.list,
      },
    )
    .put(
      "/clients",
      async ({ request }) => {
        const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
        if (type !== "application/x-ndjson" || request.headers.has("content-encoding")) {
          const detail =
            "The body must be uncompressed JSON lines with Content-Type: application/x-ndjson.";
          return problem(415, { title: "Unsupported Media Type", detail });
        }
        const done = (report: BulkReport): void => onUpload(request, report);
        return await putLines(request.body ?? noBody(), clients, done);
      },
      { parse: "none", detail: docs.putMany },
    )
    .get(
      "/clients/:client_id",
      async ({ params: { client_id } }) => answer(await clients.get(client_id), client_id),
      { params: ClientParams, detail: docs.get },
    )
    .put(
      "/clients/:client_id",
      async ({ params: { client_id }, body }) =>
        answer(await clients.replace(client_id, body), client_id),
      { params: ClientParams, body: LimitsBody, parse, detail: docs.replace },
    )
    .patch(
      "/clients/:client_id",
      async ({ params: { client_id }, body }) =>
        answer(await clients.update(client_id, body), client_id),
      { params: ClientParams, body: PatchBody, parse, detail: docs.update },
    )
    .delete(
      "/clients/:client_id",
      async ({ params: { client_id } }) => {
        const result = await clients.remove(client_id);
        return result.ok ? new Response(null, { status: 204 }) : refuse(result, client_id);
      },
      { params: ClientParams, parse: "none", detail: docs.remove },
    )
    .all("/clients", methodNotAllowed("GET", "POST", "PUT"), hidden)
    .all("/clients/:client_id", methodNotAllowed("GET", "PUT", "PATCH", "DELETE"), hidden);
}

function answer(
  result: { readonly ok: true; readonly value: Client } | ClientsFailure,
  clientId: string,
): Client | Response {
  return result.ok ? result.value : refuse(result, clientId);
}

async function* noBody(): AsyncGenerator<Uint8Array> {}
