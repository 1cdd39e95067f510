// Requests that cannot be forwarded as they are: refused before anyone asks whose they are, and at
// the cost of no token. Reads the request; holds nothing.

import type { Exchange } from "./exchange.ts";
import {
  bodyNotForwardable,
  bodyTooLarge,
  connectNotAllowed,
  malformedHost,
  upgradeNotSupported,
} from "./responses.ts";

/** The answer that ends the request, or null. `maxBody` in bytes; 0 means no limit. */
export function refuse(exchange: Exchange, maxBody: number): Response | null {
  const { request, method } = exchange;
  const { headers, url } = request;
  const host = headers.get("host");
  // Bun gives the target alone when the Host is no host (HTTP/1.0 may leave it out), and joins two
  // Host lines with a comma: RFC 9112 §3.2 wants 400 for both.
  if (host !== null && (url.charCodeAt(0) === 47 || host.includes(","))) return malformedHost();
  if (method === "CONNECT") return connectNotAllowed();
  const upgrade = headers.get("upgrade");
  // Other protocols may be ignored (RFC 9110 §7.8); a WebSocket client would wait for the switch.
  if (upgrade !== null && upgrade.toLowerCase().includes("websocket")) return upgradeNotSupported();
  const length = headers.get("content-length");
  if (method === "GET" || method === "HEAD" || method === "TRACE") {
    const body = (length !== null && length !== "0") || headers.has("transfer-encoding");
    return body ? bodyNotForwardable(method) : null;
  }
  return maxBody > 0 && length !== null && Number(length) > maxBody ? bodyTooLarge(maxBody) : null;
}
