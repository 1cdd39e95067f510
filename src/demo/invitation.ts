// The text a person reads first: what runs, and lines to try. Pure.

import type { NewClient } from "../shared/clients.ts";
import type { DemoBackend } from "./backends.ts";

export interface Invitation {
  readonly origin: string;
  readonly clients: readonly NewClient[];
  readonly backends: readonly Pick<DemoBackend, "name" | "url" | "pid">[];
}

export function invitation({ origin, clients, backends }: Invitation): string {
  const running = backends.map(({ name, url, pid }) => `  ${name}   ${url}   (process ${pid})`);
  const limited = clients.map(
    ({ client_id, capacity, rate_per_sec, current_tokens = capacity }) =>
      `  ${client_id.padEnd(9)} a bucket of ${capacity} tokens, ${rate_per_sec} come back per second, ${current_tokens} in it`,
  );
  const [victim] = backends;
  const request = `"${origin}/?client_id=client9"`;
  return `
The gateway runs at ${origin}

Backends, asked in turn:
${running.join("\n")}

Clients, each with its limit:
${limited.join("\n")}

Try, in another terminal:
  curl -i ${request}
      one token is taken; the RateLimit headers say what is left
  ab -n 1000 -c 10 ${request}
      as many answers as there are tokens, 429 for the rest
  curl -s ${origin}/clients/client9
      the live state of the bucket
  curl -X PATCH ${origin}/clients/client9 -H "Content-Type: application/json" -d '{"rate_per_sec":500}'
      a new limit, in force at once
  kill ${victim?.pid ?? ""}
      one backend less: the others take over
  ${origin}/-/dashboard
      traffic, backends and clients, live in the browser
  ${origin}/swagger
      all of the API, in the browser

Ctrl-C ends everything; nothing is kept.

`;
}
