// All control routes behind one door. The gateway's application hands everything at or below the
// reserved prefixes to `controlRoutes`; inside, an Elysia application of its own answers it, so its
// hooks and its error handler cost a proxied request nothing, and whatever it does not know is a
// 404 here: no path below a prefix, and so no admin token, ever goes on to a backend.

import { type AnyElysia, Elysia } from "elysia";
import type { Config } from "../config.ts";
import type { ClientsPort } from "../shared/clients.ts";
import type { Logger } from "../shared/log.ts";
import { problem } from "../shared/problem.ts";
import { createAccess } from "./access.ts";
import { backendsController, type BackendsControllerOptions } from "./backends/controller.ts";
import { clientsController } from "./clients/controller.ts";
import { ASSET_NAMES } from "./dashboard/assets.ts";
import { dashboardController, type DashboardOptions } from "./dashboard/controller.ts";
import { explainController, type ExplainControllerOptions } from "./explain/controller.ts";
import { answerError } from "./refusal.ts";
import { statusController, type StatusControllerOptions } from "./status/controller.ts";
import { ASSETS } from "./swagger/assets.ts";
import { swaggerController } from "./swagger/controller.ts";
import { signInPage } from "./swagger/page.ts";
import { usageController, type UsageControllerOptions } from "./usage/controller.ts";

export interface ControlRoutesOptions
  extends
    StatusControllerOptions,
    BackendsControllerOptions,
    UsageControllerOptions,
    ExplainControllerOptions {
  readonly clients: ClientsPort;
  readonly dashboard: DashboardOptions;
  readonly admin: Config["admin"];
  /** Of the gateway, for the OpenAPI document. */
  readonly version: string;
  readonly log: Logger;
}

export const CONTROL_PREFIXES = ["/clients", "/swagger", "/-"] as const;

/**
 * How an Elysia application must be set up for its idea of a path to be the URL's.
 * `standardHostname: false`: the default finds the path from the 12th character of the URL on, so
 * with `Host: a` it reads `/clients/x` as `/x`, and `/x/clients` as `/clients`. Without it, from
 * the 8th on: right for `http:` URLs, which is what a listener without TLS hands out.
 * `systemRouter` and `nativeStaticResponse`: Bun's own router would answer beside the hooks.
 * `normalize: false`: the default drops unknown fields where they are to be refused.
 */
export const ROUTING = {
  strictPath: true,
  normalize: false,
  systemRouter: false,
  nativeStaticResponse: false,
  handler: { standardHostname: false },
} as const;

/** Answers what is no control route. */
export type Otherwise = (request: Request, server: Server) => Response | Promise<Response>;

/**
 * The application must have been created with `ROUTING`. `otherwise` becomes its catch-all, which
 * stands here because of one case: of a request without a Host, HTTP/1.0's, Bun makes no URL, so
 * Elysia takes a part of the target for the path and finds no control route.
 */
export function controlRoutes(options: ControlRoutesOptions, otherwise?: Otherwise) {
  const answer = createControl(options);
  const routes = new Elysia();
  const hook = { parse: "none" as const, detail: { hide: true } };
  const control = (request: Request, server: Server | null) =>
    answer(request, server?.requestIP(request)?.address ?? null);
  /** Elysia's choice, but for a bare target, where its idea of the path is wrong. */
  const choose = (request: Request, server: Server | null, isControl: boolean) => {
    const reserved = isBareTarget(request.url) ? isReserved(request.url) : isControl;
    return reserved || !otherwise ? control(request, server) : otherwise(request, server!);
  };
  // Elysia reads these functions' text: taking the context as a whole would make it parse query,
  // cookies and headers first, which costs 3 µs a request.
  const toControl = ({ request, server }: Context) => choose(request, server, true);
  for (const prefix of CONTROL_PREFIXES) {
    routes.all(prefix, toControl, hook).all(`${prefix}/*`, toControl, hook);
  }
  if (otherwise) routes.all("/*", ({ request, server }) => choose(request, server, false), hook);
  return routes;
}

type Server = Bun.Server<unknown>;
type Context = { readonly request: Request; readonly server: Server | null };

/** Bun gives the target alone where it could make no URL: Host missing or malformed. */
function isBareTarget(url: string): boolean {
  return url.charCodeAt(0) === 47; // "/"
}

function isReserved(target: string): boolean {
  const path = absolute(target).pathname;
  return CONTROL_PREFIXES.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
}

function absolute(target: string): URL {
  // Not new URL(target, base): "//x" would name another host.
  return new URL(`http://localhost${target}`);
}

function createControl(options: ControlRoutesOptions) {
  const app = controlApp(options);
  const access = createAccess(options.admin);
  const open = openPaths(options.admin.token !== null);
  return async (request: Request, peer: string | null): Promise<Response> => {
    const bare = isBareTarget(request.url);
    if (bare && request.headers.has("host")) {
      return problem(400, { title: "Bad Request", detail: "The Host header is not valid." });
    }
    const url = bare ? absolute(request.url) : new URL(request.url);
    const path = url.pathname;
    const refused = open.has(path) ? null : access(request, peer);
    if (refused) return finish(isPageVisit(request, refused, path) ? signInPage() : refused);
    // HEAD is GET without the body (RFC 9110 §9.3.2), which the server leaves out by itself.
    const method = request.method === "HEAD" ? "GET" : request.method;
    const same = method === request.method && !bare;
    const { headers, body } = request;
    return finish(await app.handle(same ? request : new Request(url, { method, headers, body })));
  };
}

function controlApp(options: ControlRoutesOptions): AnyElysia {
  const withToken = options.admin.token !== null;
  const controllers = [
    clientsController(options),
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
