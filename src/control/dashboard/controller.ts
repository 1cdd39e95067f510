// The dashboard's routes: the page and its files, the event stream, and the list of clients with
// their buckets. Changes go through the clients routes, like everyone's.

import { Elysia } from "elysia";
import { problem } from "../../shared/problem.ts";
import { methodNotAllowed } from "../refusal.ts";
import { asset, shell } from "./assets.ts";
import type { ClientRowsReader } from "./client-rows.ts";
import * as docs from "./documentation.ts";
import type { Feed } from "./feed.ts";
import { BucketsQuery, ClientRowsQuery, MAX_ROWS } from "./model.ts";

export interface DashboardOptions {
  readonly feed: Feed;
  readonly rows: ClientRowsReader;
}

const PATHS = ["", "/events", "/clients", "/buckets", "/:file"].map((at) => `/-/dashboard${at}`);

export function dashboardController({ feed, rows }: DashboardOptions, withToken: boolean) {
  const controller = new Elysia()
    .get("/-/dashboard", () => shell(withToken), { detail: docs.page })
    .get("/-/dashboard/events", () => feed.open(), { detail: docs.events })
    .get(
      "/-/dashboard/clients",
      async ({ query: { prefix = "", order = "id", limit = 25, after = null } }) => {
        const answer = await rows.list({ prefix, order, limit, after });
        if (!("reason" in answer)) return answer;
        const detail = "detail" in answer ? answer.detail : "The clients cannot be listed now.";
        return problem(503, { title: "Service Unavailable", detail }, { "retry-after": "1" });
      },
      { query: ClientRowsQuery, detail: docs.clients },
    )
    .get(
      "/-/dashboard/buckets",
      ({ query: { ids } }) => ({ clients: rows.of(ids.split(",").slice(0, MAX_ROWS)), next: null }),
      { query: BucketsQuery, detail: docs.buckets },
    )
    .get("/-/dashboard/:file", ({ params, request }) => asset(params.file, request), {
      detail: { hide: true },
    });
  for (const path of PATHS) {
    controller.all(path, methodNotAllowed("GET"), { detail: { hide: true }, parse: "none" });
  }
  return controller;
}
