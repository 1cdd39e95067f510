// `gateway hello`: a backend that says who it is, to try a gateway with. The demo starts three of
// them, docker-compose.yml as well. Not part of the gateway.

import { hostname } from "node:os";
import { EXIT, StartError } from "../shared/start-error.ts";

export interface HelloOptions {
  readonly host: string;
  readonly port: number;
  /** Who it says it is; null is the machine's (in a container: the container's) name. */
  readonly label: string | null;
  /** Ends with its stdin, so that no backend outlives the demo, however that ends. */
  readonly withStdin: boolean;
}

/** Serves until SIGTERM, SIGINT or the end of stdin. Prints its address once it listens. */
export async function hello(options: HelloOptions): Promise<number> {
  const body = `<h1>hello from ${Bun.escapeHTML(options.label ?? hostname())}</h1>\n`;
  const server = listen(options.host, options.port, body);
  const stop = Promise.withResolvers<void>();
  // Handlers, because the first process of a container has no default ones.
  process.on("SIGTERM", () => stop.resolve());
  // With stdin, Ctrl-C in the terminal is for the demo: it drains first, then closes the stdin.
  process.on("SIGINT", () => void (options.withStdin || stop.resolve()));
  if (options.withStdin) void Bun.stdin.text().finally(() => stop.resolve());
  // Last: whoever reads this line may send a signal at once.
  console.log(`listening on ${server.url.origin}`);
  await stop.promise;
  await server.stop(true);
  return EXIT.ok;
}

function listen(host: string, port: number, body: string): Bun.Server<undefined> {
  try {
    return Bun.serve({
      hostname: host,
      port,
      fetch: () => new Response(body, { headers: { "Content-Type": "text/html; charset=utf-8" } }),
    });
  } catch {
    throw new StartError(EXIT.inUse, `hello cannot listen on ${host} port ${port}`);
  }
}
