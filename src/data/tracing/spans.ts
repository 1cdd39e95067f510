// An exchange as OpenTelemetry spans: one of the request as the client sees it, and one of its
// forwarding. Names and attributes are those of the semantic conventions for HTTP
// (https://opentelemetry.io/docs/specs/semconv/http/http-spans/), and `gateway.*` what only we know.
// Pure. Loaded only with the exporter.

import {
  type Attributes,
  type HrTime,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
} from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { Exchange } from "../proxy/exchange.ts";
import { redact } from "../proxy/access-log.ts";

/** What all spans of the process share. */
export type SpanOrigin = Pick<ReadableSpan, "resource" | "instrumentationScope">;

const METHODS = new Set([
  "CONNECT",
  "DELETE",
  "GET",
  "HEAD",
  "OPTIONS",
  "PATCH",
  "POST",
  "PUT",
  "TRACE",
]);

/** `endedAt`: wall clock, ms. `elapsed`: ns since the exchange began. */
export function spansOf(
  exchange: Exchange,
  endedAt: number,
  elapsed: number,
  origin: SpanOrigin,
): ReadableSpan[] {
  const startedAt = endedAt - elapsed / 1e6;
  const server = span(exchange, SpanKind.SERVER, { startedAt, endedAt }, origin);
  if (exchange.backend < 0) return [server];
  const sentAt = startedAt + (exchange.sentAt - exchange.startedAt) / 1e6;
  return [server, span(exchange, SpanKind.CLIENT, { startedAt: sentAt, endedAt }, origin)];
}

function span(
  exchange: Exchange,
  kind: SpanKind,
  { startedAt, endedAt }: { readonly startedAt: number; readonly endedAt: number },
  origin: SpanOrigin,
): ReadableSpan {
  const { traceId, spanId, forwardId, parentId, method } = exchange;
  const isServer = kind === SpanKind.SERVER;
  const own = isServer ? spanId : forwardId;
  const above = isServer ? parentId : spanId;
  const failed = failureOf(exchange, isServer);
  const context = { traceId, spanId: own, traceFlags: TraceFlags.SAMPLED };
  return {
    name: METHODS.has(method) ? method : "HTTP",
    kind,
    spanContext: () => context,
    ...(above !== "" && {
      parentSpanContext: {
        traceId,
        spanId: above,
        traceFlags: TraceFlags.SAMPLED,
        isRemote: isServer,
      },
    }),
    startTime: hrTime(startedAt),
    endTime: hrTime(endedAt),
    duration: hrTime(endedAt - startedAt),
    ended: true,
    status: { code: failed === null ? SpanStatusCode.UNSET : SpanStatusCode.ERROR },
    attributes: {
      ...(isServer ? serverAttributes(exchange) : clientAttributes(exchange)),
      ...methodAttributes(method),
      // A backend that did not answer had no status.
      ...((isServer || !exchange.ownAnswer) && { "http.response.status_code": exchange.status }),
      ...(failed !== null && { "error.type": failed }),
    },
    links: [],
    events: [],
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    ...origin,
  };
}

function methodAttributes(method: string): Attributes {
  if (METHODS.has(method)) return { "http.request.method": method };
  return { "http.request.method": "_OTHER", "http.request.method_original": method };
}

function serverAttributes(exchange: Exchange): Attributes {
  const { peer, address, decision, clientId, requestId } = exchange;
  const [path = "", query] = redact(exchange.target).split(/\?(.*)/s, 2);
  return {
    "url.scheme": "http",
    "url.path": path,
    ...(query !== undefined && { "url.query": query }),
    "client.address": address === "" ? peer : address,
    "network.peer.address": peer,
    "gateway.decision": decision,
    "gateway.request_id": requestId,
    ...(clientId !== null && { "gateway.client_id": clientId }),
  };
}

function clientAttributes({ backendUrl, target, tried }: Exchange): Attributes {
  const { hostname, port, protocol } = new URL(backendUrl!);
  return {
    "server.address": hostname.replace(/^\[(.*)\]$/, "$1"),
    "server.port": Number(port) || (protocol === "https:" ? 443 : 80),
    "url.full": backendUrl! + redact(target),
    ...(tried !== null && { "http.request.resend_count": tried.length }),
  };
}

/** `error.type`; null when all went well. To a client, its own mistakes are errors too. */
function failureOf({ status, brokenBy }: Exchange, isServer: boolean): string | null {
  if (brokenBy !== null) return `${brokenBy}_aborted`;
  return status >= (isServer ? 500 : 400) ? String(status) : null;
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
