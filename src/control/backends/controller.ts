// The backends routes over HTTP: looking reads the shared table, changing asks the main thread and
// then shows what the table holds. Every path ends with its own 405.

import { Elysia } from "elysia";
import type { BackendsPort } from "../../shared/backends.ts";
import type { BackendView } from "../../shared/backend-table.ts";
import type { ControlFailure } from "../../shared/control-result.ts";
import { readJson } from "../json-body.ts";
import { methodNotAllowed, refuseFailure } from "../refusal.ts";
import { backendStatus } from "../status/backend-status.ts";
import * as docs from "./documentation.ts";
import { BackendParams, BackendPatchBody, NewBackendBody } from "./model.ts";

export interface BackendsControllerOptions {
  readonly backends: () => readonly BackendView[];
  readonly backendChanges: BackendsPort;
}

/** `readJson` does the reading; the second entry only tells the OpenAPI document the type. */
const parse = [readJson, "json" as const];
const hidden = { detail: { hide: true }, parse: "none" as const };

export function backendsController({ backends, backendChanges }: BackendsControllerOptions) {
  /** As it is now; gone when somebody else removed it meanwhile. */
  const show = (id: string) => {
    const view = backends().find((backend) => backend.id === id);
    return view ? backendStatus(view) : refuse({ ok: false, reason: "not_found" }, id);
  };
  return new Elysia()
    .get("/-/backends", () => ({ backends: backends().map(backendStatus) }), { detail: docs.list })
    .post(
      "/-/backends",
      async ({ body, set }) => {
        const result = await backendChanges.add(body);
        if (!result.ok) return refuse(result, body.url);
        set.status = 201;
        set.headers["location"] = `/-/backends/${result.value}`;
        return show(result.value);
      },
      { body: NewBackendBody, parse, detail: docs.add },
    )
    .get("/-/backends/:id", ({ params: { id } }) => show(id), {
      params: BackendParams,
      detail: docs.get,
    })
    .patch(
      "/-/backends/:id",
      async ({ params: { id }, body }) => {
        const result = await backendChanges.change(id, body);
        return result.ok ? show(result.value) : refuse(result, id);
      },
      { params: BackendParams, body: BackendPatchBody, parse, detail: docs.change },
    )
    .delete(
      "/-/backends/:id",
      async ({ params: { id } }) => {
        const result = await backendChanges.remove(id);
        return result.ok ? new Response(null, { status: 204 }) : refuse(result, id);
      },
      { params: BackendParams, parse: "none", detail: docs.remove },
    )
    .all("/-/backends", methodNotAllowed("GET", "POST"), hidden)
    .all("/-/backends/:id", methodNotAllowed("GET", "PATCH", "DELETE"), hidden);
}

/** `name`: what the request called the backend. */
function refuse(failure: ControlFailure, name: string): Response {
  return refuseFailure(failure, {
    notFound: `There is no backend ${name}.`,
    exists: `There is a backend ${name} already. PATCH changes it.`,
    full: "The gateway has as many backends as it can. Remove some first.",
  });
}
