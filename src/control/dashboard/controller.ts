// The dashboard's routes: the page and its files, the event stream, and the list of clients with
// their buckets. Changes go through the clients routes, like everyone's.

import { Elysia } from "elysia";
import { problem } from "../../shared/problem.ts";
import { queryReader } from "../query.ts";
import { methodNotAllowed } from "../refusal.ts";
import { asset, shell } from "./assets.ts";
import type { ClientRowsReader } from "./client-rows.ts";
import * as docs from "./documentation.ts";
import type { Feed } from "./feed.ts";
import { BucketsQuery, ClientRowsQuery, DEFAULT_ROWS, MAX_ROWS } from "./client-rows-model.ts";

export interface DashboardOptions {
  readonly feed: Feed;
  readonly rows: ClientRowsReader;
}

const readRowsQuery = queryReader(ClientRowsQuery);
const readBucketsQuery = queryReader(BucketsQuery);
const PATHS = ["", "/events", "/clients", "/buckets", "/:file"].map((at) => `/-/dashboard${at}`);

export function dashboardController({ feed, rows }: DashboardOptions, withToken: boolean) {
  const controller = new Elysia()
    .get("/-/dashboard", () => shell(withToken), { detail: docs.page })
    .get("/-/dashboard/events", () => feed.open(), { detail: docs.events })
    .get(
      "/-/dashboard/clients",
      async ({ request }) => {
        const query = readRowsQuery(request.url);
        const { prefix = "", order = "id", limit = DEFAULT_ROWS, after = null } = query;
        const answer = await rows.list({ prefix, order, limit, after });
        if (!("reason" in answer)) return answer;
        const detail = "detail" in answer ? answer.detail : "The clients cannot be listed now.";
        return problem(503, { title: "Service Unavailable", detail }, { "retry-after": "1" });
      },
      {
        query: ClientRowsQuery,
        // Before Elysia's own, generous reading, whose messages would otherwise come first.
        transform: ({ request }) => void readRowsQuery(request.url),
        detail: docs.clients,
      },
    )
    .get(
      "/-/dashboard/buckets",
      ({ request }) => {
        const ids = readBucketsQuery(request.url).ids.split(",");
        return { clients: rows.of(ids.slice(0, MAX_ROWS)), next: null };
      },
      {
        query: BucketsQuery,
        transform: ({ request }) => void readBucketsQuery(request.url),
        detail: docs.buckets,
      },
    )
    .get("/-/dashboard/:file", ({ params, request }) => asset(params.file, request), {
      detail: { hide: true },
    });
  for (const path of PATHS) {
    controller.all(path, methodNotAllowed("GET"), { detail: { hide: true }, parse: "none" });
  }
  return controller;
}
