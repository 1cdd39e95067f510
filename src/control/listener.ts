// Claims the public address before the workers bind it. They share one port through SO_REUSEPORT,
// which would also let a second gateway of the same user slip in beside the first one and take half
// of its connections; an exclusive bind first makes that the error it is.

import { familyOf } from "../shared/address-text.ts";
import { EXIT, StartError } from "../shared/start-error.ts";
import { isFound } from "./name-lookup.ts";

export interface Address {
  readonly host: string;
  /** The real port, also when 0 was asked for. */
  readonly port: number;
}

/**
 * Resolves with the address that the workers can bind. `::` falls back to `0.0.0.0` on a machine
 * without IPv6. Throws `StartError`: address in use, not this machine's, not found, or not permitted.
 */
export async function claimAddress(host: string, port: number): Promise<Address> {
  try {
    return await bindOnce(host, port);
  } catch (error) {
    if (host !== "::" || codeOf(error) === "EADDRINUSE") throw await startError(error, host, port);
  }
  try {
    return await bindOnce("0.0.0.0", port);
  } catch (error) {
    throw await startError(error, "0.0.0.0", port);
  }
}

async function bindOnce(hostname: string, port: number): Promise<Address> {
  const server = Bun.serve({ hostname, port, fetch: () => new Response(null, { status: 503 }) });
  const address = { host: hostname, port: server.port! };
  await server.stop(true);
  return address;
}

async function startError(error: unknown, host: string, port: number): Promise<StartError> {
  // Of a name that is not found, Bun says whatever went wrong before.
  if (familyOf(host) === 0 && !(await isFound(host))) {
    return new StartError(
      EXIT.config,
      `HOST ${host} is neither an address of this machine nor a name that leads to one`,
    );
  }
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  switch (codeOf(error)) {
    case "EADDRINUSE":
      return new StartError(
        EXIT.inUse,
        `${address} is in use by another process; stop it, choose another PORT, or replace a gateway by serve --takeover`,
      );
    case "EACCES":
      return new StartError(
        EXIT.notPermitted,
        `not permitted to listen on ${address}; ports below 1024 need CAP_NET_BIND_SERVICE`,
      );
    case "EADDRNOTAVAIL":
      return new StartError(EXIT.config, `HOST ${host} is not an address of this machine`);
    default:
      return new StartError(EXIT.unavailable, `cannot listen on ${address}: ${String(error)}`);
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as { code?: string }).code : undefined;
}
