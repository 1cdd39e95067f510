// The usage routes over HTTP: shapes and statuses only; the port knows the numbers.

import { Elysia } from "elysia";
import type { UsagePort } from "../../shared/usage.ts";
import { refuse } from "../clients/refuse.ts";
import { ClientParams } from "../clients/model.ts";
import { queryReader } from "../query.ts";
import { methodNotAllowed } from "../refusal.ts";
import * as docs from "./documentation.ts";
import { TopQueryParams } from "./model.ts";

export interface UsageControllerOptions {
  readonly usage: UsagePort;
}

const hidden = { detail: { hide: true }, parse: "none" as const };
const readTopQuery = queryReader(TopQueryParams);

export function usageController({ usage }: UsageControllerOptions) {
  return new Elysia()
    .get(
      "/clients/:client_id/usage",
      async ({ params: { client_id } }) => {
        const result = await usage.of(client_id);
        return result.ok ? result.value : refuse(result, client_id);
      },
      { params: ClientParams, detail: docs.usage },
    )
    .post(
      "/clients/:client_id/reset",
      async ({ params: { client_id } }) => {
        const result = await usage.reset(client_id);
        return result.ok ? result.value : refuse(result, client_id);
      },
      { params: ClientParams, parse: "none", detail: docs.reset },
    )
    .get(
      "/-/top",
      async ({ request }) => {
        const { by = "rejected", limit = 10 } = readTopQuery(request.url);
        const result = await usage.top({ by, limit });
        return result.ok ? result.value : refuse(result);
      },
      {
        query: TopQueryParams,
        // Before Elysia's own, generous reading, whose messages would otherwise come first.
        transform: ({ request }) => void readTopQuery(request.url),
        detail: docs.top,
      },
    )
    .all("/clients/:client_id/usage", methodNotAllowed("GET"), hidden)
    .all("/clients/:client_id/reset", methodNotAllowed("POST"), hidden)
    .all("/-/top", methodNotAllowed("GET"), hidden);
}
