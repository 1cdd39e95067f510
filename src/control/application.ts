// The control routes themselves: one Elysia application of its own behind one door, which decides who
// may come in. What it does not know is a 404 here: no path below a prefix, and so no admin token,
// ever goes on to a backend. Loaded by a worker's first control request (see `routes.ts`).

import { type AnyElysia, Elysia } from "elysia";
import type { Config } from "../config.ts";
import type { ClientsPort } from "../shared/clients.ts";
import { createAccess } from "./access.ts";
import { backendsController, type BackendsControllerOptions } from "./backends/controller.ts";
import { clientsController } from "./clients/controller.ts";
import { ControlLog, type ControlLogOptions } from "./control-log.ts";
import { ASSET_NAMES } from "./dashboard/assets.ts";
import { dashboardController, type DashboardOptions } from "./dashboard/controller.ts";
import { explainController, type ExplainControllerOptions } from "./explain/controller.ts";
import { answerError } from "./refusal.ts";
import { statusController, type StatusControllerOptions } from "./status/controller.ts";
import { ASSETS } from "./swagger/assets.ts";
import { swaggerController } from "./swagger/controller.ts";
import { signInPage } from "./swagger/page.ts";
import { usageController, type UsageControllerOptions } from "./usage/controller.ts";
import { ROUTING } from "./routing.ts";

export interface ControlRoutesOptions
  extends
    StatusControllerOptions,
    BackendsControllerOptions,
    UsageControllerOptions,
    ExplainControllerOptions,
    ControlLogOptions {
  readonly clients: ClientsPort;
  readonly dashboard: DashboardOptions;
  readonly admin: Config["admin"];
  /** Of the gateway, for the OpenAPI document. */
  readonly version: string;
}

/** Answers a request whose path is at or below one of the prefixes. */
export function createControl(
  options: ControlRoutesOptions,
): (request: Request) => Promise<Response> {
  const log = new ControlLog(options);
  const app = controlApp(options, log);
  const access = createAccess(options.admin);
  const open = openPaths(options.admin.token !== null);
  return async (request: Request): Promise<Response> => {
    const path = new URL(request.url).pathname;
    const refused = open.has(path) ? null : access(request, options.peerOf(request));
    if (refused) {
      const { answer, reason } = refused;
      log.refused(request, path, answer.status, reason);
      return finish(isPageVisit(request, answer, path) ? signInPage() : answer);
    }
    // HEAD is GET without the body (RFC 9110 §9.3.2), which the server leaves out by itself.
    const same = request.method !== "HEAD";
    const { headers, url } = request;
    const answer = await app.handle(same ? request : new Request(url, { headers }));
    log.answered(request, path, answer);
    return finish(answer);
  };
}

function controlApp(options: ControlRoutesOptions, log: ControlLog): AnyElysia {
  const withToken = options.admin.token !== null;
  const controllers = [
    clientsController({
      clients: options.clients,
      onUpload: (request, report) => log.uploaded(request, report),
    }),
    usageController(options),
    backendsController(options),
    statusController(options),
    explainController(options),
    dashboardController(options.dashboard, withToken),
  ];
  const documented = { version: options.version, withToken };
  const app: AnyElysia = new Elysia(ROUTING).onError(answerError(options.log));
  for (const controller of controllers) app.use(controller);
  return app.use(swaggerController({ ...documented, controllers }));
}

/** Open to everyone; with a token also what a page consists of, which a browser asks for without. */
function openPaths(withToken: boolean): ReadonlySet<string> {
  const pages = [
    ...Object.keys(ASSETS).map((name) => `/swagger/${name}`),
    "/-/dashboard",
    ...ASSET_NAMES.map((name) => `/-/dashboard/${name}`),
  ];
  return new Set(["/-/healthy", "/-/ready", ...(withToken ? pages : [])]);
}

/** A person opened the page in a browser, which has no way to send the token by itself. */
function isPageVisit(request: Request, refused: Response, path: string): boolean {
  const accepts = request.headers.get("accept") ?? "";
  return (
    refused.status === 401 &&
    path === "/swagger" &&
    request.method === "GET" &&
    accepts.includes("text/html")
  );
}

function finish(response: Response): Response {
  const { headers } = response;
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  headers.set("x-content-type-options", "nosniff");
  return response;
}
