// Builds the HTTP application of one worker: the control routes first, the gateway last. Services
// and databases are not known here; what the controllers need is handed in by `worker.ts`.

import { Elysia } from "elysia";
import { controlRoutes, type ControlRoutesOptions, ROUTING } from "./control/routes.ts";
import { problem } from "./shared/problem.ts";

/** Answers everything that is not a control route. */
export type ProxyHandler = (
  request: Request,
  server: Bun.Server<unknown>,
) => Response | Promise<Response>;

export interface AppOptions extends ControlRoutesOptions {
  readonly proxy: ProxyHandler;
}

export function createApp(options: AppOptions) {
  const { proxy, log } = options;
  return (
    new Elysia(ROUTING)
      .onError(({ error }) => {
        // The last net. Outcomes on the path are values, so whatever arrives here is a bug; its
        // stack belongs into the log, never into an answer.
        log.error("unexpected error", { error: String(error), stack: stackOf(error) });
        return problem(500, { title: "Internal Server Error", detail: "The gateway failed." });
      })
      .use(controlRoutes(options))
      // parse "none": Elysia must never read a body that is to be streamed to a backend.
      .all("/*", ({ request, server }) => proxy(request, server!), { parse: "none" })
  );
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}
