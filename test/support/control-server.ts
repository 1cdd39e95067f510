// The control routes on a real socket, wired as the gateway wires them, before a catch-all that
// stands for the proxy and records what would have gone on to a backend.

import { Elysia } from "elysia";
import { controlRoutes, type ControlRoutesOptions, ROUTING } from "../../src/control/routes.ts";
import type { LogFields, Logger } from "../../src/shared/log.ts";
import { BackendsInMemory } from "./backends-in-memory.ts";
import { ClientsInMemory } from "./clients-in-memory.ts";
import { testDashboard } from "./dashboard.ts";
import { noUsage } from "./usage.ts";

export interface LoggedLine {
  readonly message: string;
  readonly fields: LogFields | undefined;
}

export interface ControlServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly clients: ClientsInMemory;
  readonly backends: BackendsInMemory;
  /** Targets that reached the catch-all. */
  readonly proxied: string[];
  readonly errors: LoggedLine[];
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

export function startControl(options: Partial<ControlRoutesOptions> = {}): ControlServer {
  const clients = new ClientsInMemory();
  const backends = new BackendsInMemory();
  const proxied: string[] = [];
  const errors: LoggedLine[] = [];
  const app = new Elysia(ROUTING)
    .use(
      controlRoutes(
        {
          clients,
          backendChanges: backends,
          dashboard: testDashboard(clients),
          usage: noUsage,
          explain: () => ({
            decision: "bad",
            status: 400,
            reasons: ["This is a test."],
            identity: null,
            bucket: null,
            backend: null,
          }),
          admin: { token: null, allow: ["127.0.0.0/8", "::1/128"] },
          version: "0.0.0-test",
          log: recorder(errors),
          readiness: () => ({ ready: true }),
          backends: () => backends.table.snapshot(),
          metrics: () => "",
          ...options,
        },
        ({ url: target }) => {
          proxied.push(target);
          return new Response("from a backend");
        },
      ),
    )
    .listen({ port: 0, hostname: "127.0.0.1", reusePort: false });
  const port = app.server!.port!;
  const url = `http://127.0.0.1:${port}`;
  return {
    port,
    url,
    clients,
    backends,
    proxied,
    errors,
    fetch: (path, init) => fetch(url + path, init),
    [Symbol.asyncDispose]: async () => void (await app.stop(true)),
  };
}

export function json(method: string, body: unknown): RequestInit {
  return {
    method,
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  };
}

function recorder(errors: LoggedLine[]): Logger {
  const log: Logger = {
    debug() {},
    info() {},
    warn() {},
    error: (message, fields) => void errors.push({ message, fields }),
    child: () => log,
  };
  return log;
}
