// Builds the HTTP application of one worker: the control routes, and the gateway for everything
// else. Services and databases are not known here; what the controllers need is handed in by
// `worker.ts`.

import { Elysia } from "elysia";
import type { ControlRoutesOptions } from "./control/application.ts";
import { controlRoutes } from "./control/routes.ts";
import { ROUTING } from "./control/routing.ts";
import type { LogFields } from "./shared/log.ts";
import { problem } from "./shared/problem.ts";

export interface AppOptions extends ControlRoutesOptions {
  /** Answers everything that is not a control route. */
  readonly proxy: (request: Request) => Response | Promise<Response>;
}

export function createApp(options: AppOptions) {
  const { proxy, log } = options;
  return (
    // Composed here, where the main thread is waited for, and not when the first request comes.
    new Elysia({ ...ROUTING, precompile: true })
      .onError(({ error }) => {
        // The last net. Outcomes on the path are values, so whatever arrives here is a bug; its
        // stack belongs into the log, never into an answer.
        log.error("unexpected error", describe(error));
        return problem(500, { title: "Internal Server Error", detail: "The gateway failed." });
      })
      .use(controlRoutes(options))
      // Bodies are not for Elysia to read, and taking the context apart here keeps it from parsing
      // query, cookies and headers.
      .all("/*", ({ request }) => proxy(request), { parse: "none", detail: { hide: true } })
      .compile()
  );
}

/** An error for the log. */
export function describe(error: unknown): LogFields {
  return error instanceof Error
    ? { error: error.message, stack: error.stack }
    : { error: JSON.stringify(error) };
}
