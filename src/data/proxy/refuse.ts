// Requests that are refused before anyone asks whose they are, and at the cost of no token. Reads
// the request; holds nothing. What is no HTTP/1.1 never comes this far (../http1/).

import type { Exchange } from "./exchange.ts";
import { bodyTooLarge, METHOD_NOT_ALLOWED, type OwnAnswer } from "./responses.ts";

/** The answer that ends the request, or null. `maxBody` in bytes; 0 means no limit. */
export function refuse(exchange: Exchange, maxBody: number): OwnAnswer | null {
  const { method } = exchange;
  // A tunnel would go anywhere; an echo would show what is added to requests on their way.
  if (method === "CONNECT" || method === "TRACE") return METHOD_NOT_ALLOWED;
  return maxBody > 0 && exchange.asked.length > maxBody ? bodyTooLarge(maxBody) : null;
}
