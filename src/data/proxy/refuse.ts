// Requests that end here before anyone asks whose they are, and at the cost of no token: what is not
// forwarded whoever sends it, and what is about the gateway itself. Reads the request; writes the
// decision and what is left of `Max-Forwards`. What is no HTTP/1.1 never comes this far (../http1/).

import type { Exchange } from "./exchange.ts";
import {
  BAD_MAX_FORWARDS,
  bodyTooLarge,
  METHOD_NOT_ALLOWED,
  OWN_OPTIONS,
  type OwnAnswer,
} from "./responses.ts";

/** What everyone's integers hold; larger numbers go on as this one, which RFC 9110 §7.6.2 allows. */
const MOST_FORWARDS = 2 ** 31 - 1;

/** The answer that ends the request, or null. `maxBody` in bytes; 0 means no limit. */
export function refuse(exchange: Exchange, maxBody: number): OwnAnswer | null {
  const { method } = exchange;
  // A tunnel would go anywhere; an echo would show what is added to requests on their way.
  if (method === "CONNECT" || method === "TRACE") return METHOD_NOT_ALLOWED;
  if (method === "OPTIONS") {
    const answer = answerOptions(exchange);
    if (answer !== null) return answer;
  }
  return maxBody > 0 && exchange.asked.length > maxBody ? bodyTooLarge(maxBody) : null;
}

/**
 * The gateway is asked, or the last hop that `Max-Forwards` lets the request reach (RFC 9110
 * §7.6.2; for other methods than OPTIONS and TRACE it means nothing).
 */
function answerOptions(exchange: Exchange): OwnAnswer | null {
  if (exchange.target === "*") return own(exchange);
  const given = exchange.asked.fields.get("max-forwards");
  if (given === null) return null;
  if (!/^[0-9]+$/.test(given)) return BAD_MAX_FORWARDS;
  const forwards = Math.min(Number(given) - 1, MOST_FORWARDS);
  if (forwards < 0) return own(exchange);
  exchange.maxForwards = forwards;
  return null;
}

function own(exchange: Exchange): OwnAnswer {
  exchange.decision = "answered";
  return OWN_OPTIONS;
}
