// Where the control routes begin. The gateway's application hands everything at or below the reserved
// prefixes to an application of its own, so that its hooks and its error handler cost a proxied
// request nothing. That one is loaded by the first request it gets: building it costs 30 ms of
// CPU, which no first proxied request has to wait for.

import { Elysia } from "elysia";
import type { ControlRoutesOptions } from "./application.ts";

export const CONTROL_PREFIXES = ["/clients", "/swagger", "/-"] as const;

/** The application must have been created with `ROUTING`. */
export function controlRoutes(options: ControlRoutesOptions) {
  let control: Promise<(request: Request) => Promise<Response>> | null = null;
  const load = async () => (await import("./application.ts")).createControl(options);
  const answer = async (request: Request) => await (await (control ??= load()))(request);
  const routes = new Elysia();
  const hook = { parse: "none" as const, detail: { hide: true } };
  // Elysia reads this function's text: taking the context as a whole would make it parse query,
  // cookies and headers first, which costs 3 µs a request.
  const toControl = ({ request }: { readonly request: Request }) => answer(request);
  for (const prefix of CONTROL_PREFIXES) {
    routes.all(prefix, toControl, hook).all(`${prefix}/*`, toControl, hook);
  }
  return routes;
}
