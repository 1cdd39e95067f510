// The control routes on a real socket, wired as the gateway wires them, before a catch-all that
// stands for the proxy and records what would have gone on to a backend.

import { Elysia } from "elysia";
import type { ControlRoutesOptions } from "../../src/control/application.ts";
import { CONTROL_PREFIXES, controlRoutes } from "../../src/control/routes.ts";
import { ROUTING } from "../../src/control/routing.ts";
import { createFront } from "../../src/data/front.ts";
import { DeadlineWheel } from "../../src/data/http1/deadlines.ts";
import type { Exchange } from "../../src/data/http1/exchange.ts";
import { asRequest, type Passage } from "../../src/data/http1/passage.ts";
import { listenHttp } from "../../src/data/http1/server.ts";
import { LineTurns } from "../../src/shared/line-turns.ts";
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
  const passages = new WeakMap<Request, Passage>();
  const app = new Elysia(ROUTING)
    .use(
      controlRoutes({
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
        accessTurns: new LineTurns(LineTurns.reserve(), () => 0),
        readiness: () => ({ ready: true }),
        backends: () => backends.table.snapshot(),
        metrics: () => "",
        peerOf: (request) => passages.get(request)?.exchange.peerAddress ?? null,
        ...options,
      }),
    )
    .all(
      "/*",
      ({ request }) => {
        proxied.push(request.url);
        return new Response("from a backend");
      },
      { parse: "none" },
    );
  const reached = ({ head }: Exchange): void => void proxied.push(head.target);
  const server = listenHttp({
    hostname: "127.0.0.1",
    port: 0,
    deadlines: new DeadlineWheel(0),
    handler: createFront({
      transport: "fetch",
      reserved: CONTROL_PREFIXES,
      control: (request, passage) => {
        passages.set(request, passage);
        return app.fetch(request);
      },
      catchAll: (passage) => app.fetch(asRequest(passage)),
      pipeline: {
        fetch: () => new Response(),
        relay: reached,
        refuse: (exchange, { status }) => {
          exchange.begin(status, "Refused");
          exchange.send(0, Buffer.alloc(0), 0, 0, true);
        },
      },
      onError: (error) => errors.push({ message: String(error), fields: undefined }),
    }),
  });
  const { port } = server;
  const url = `http://127.0.0.1:${port}`;
  return {
    port,
    url,
    clients,
    backends,
    proxied,
    errors,
    fetch: (path, init) => fetch(url + path, init),
    [Symbol.asyncDispose]: async () => server.stop(),
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
