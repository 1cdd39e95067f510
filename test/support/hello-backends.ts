// Real backends for tests of the whole gateway: each answers with its name, and all of them write
// into one list in the order in which requests reached them.

export interface HelloBackend {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
  /** Listens again on the same port. */
  restart(): void;
}

export interface HelloBackends extends AsyncDisposable {
  readonly all: readonly HelloBackend[];
  readonly urls: readonly string[];
  /** Names in order of arrival; health checks are not in it. */
  readonly served: string[];
}

export type Handler = (request: Request, name: string) => Response | Promise<Response>;

/** The path that these backends treat as a health check. Set `HEALTH_PATH` to it. */
export const HEALTH_PATH = "/health";

export function startHelloBackends(count: number, handler?: Handler): HelloBackends {
  const served: string[] = [];
  const all = Array.from({ length: count }, (_, index) => start(`backend-${index + 1}`));
  return {
    all,
    urls: all.map((backend) => backend.url),
    served,
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map((backend) => backend.stop()));
    },
  };

  function start(name: string): HelloBackend {
    const serve = (port: number) =>
      Bun.serve({
        hostname: "127.0.0.1",
        port,
        idleTimeout: 0,
        fetch(request) {
          if (new URL(request.url).pathname === HEALTH_PATH) return new Response("ok");
          served.push(name);
          return handler ? handler(request, name) : new Response(`<h1>${name}</h1>`);
        },
      });
    let server = serve(0);
    const port = server.port!;
    return {
      name,
      port,
      url: `http://127.0.0.1:${port}`,
      stop: () => server.stop(true),
      restart: () => {
        server = serve(port);
      },
    };
  }
}

/** How often each name occurs. */
export function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
