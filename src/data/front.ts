// Where a request goes that has arrived: to the gateway's own routes, or on to a backend, and then
// by which transport. Decided once, on the bytes of the target that will also be forwarded. Built
// once per worker.

import { begins } from "./http1/bytes.ts";
import type { Exchange } from "./http1/exchange.ts";
import {
  type FetchHandlerOptions,
  type PassageHandlerOptions,
  toFetchHandler,
  toPassageHandler,
} from "./http1/fetch-adapter.ts";
import type { RequestHead } from "./http1/request-head.ts";
import type { Unfit } from "./http1/sayable.ts";
import { Form } from "./http1/target.ts";
import { reasonOf } from "./http1/reasons.ts";
import { problemAnswer } from "./http1/whole-answer.ts";
import type { Pipeline } from "./proxy/pipeline.ts";
import { wantsUpgrade } from "./proxy/upgrade.ts";

/** `fetch`: Elysia's catch-all and Bun's client. `pooled`: our own connections. */
export type Transport = "fetch" | "pooled";

export interface FrontOptions {
  readonly transport: Transport;
  /** Paths at or below these are the gateway's own. No trailing slash. */
  readonly reserved: readonly string[];
  /** The application's control routes. */
  readonly control: FetchHandlerOptions["fetch"];
  /** The application's catch-all, which calls the pipeline's `fetch`. */
  readonly catchAll: PassageHandlerOptions["handle"];
  readonly pipeline: Pipeline;
  readonly onError: (error: unknown) => void;
}

export function createFront(options: FrontOptions): (exchange: Exchange) => void {
  const { control: fetch, catchAll: handle, pipeline, onError } = options;
  const reserved = options.reserved.map((prefix) => Buffer.from(prefix));
  const pooled = options.transport === "pooled";
  const control = toFetchHandler({ fetch, onError, onUnfit: refuseControl });
  const proxied = toPassageHandler({
    handle,
    onError,
    onUnfit: (exchange, unfit) => pipeline.refuse(exchange, unfit),
  });
  return (exchange) => {
    const { head } = exchange;
    if (isReserved(head, reserved)) control(exchange);
    else if (pooled || !mayGoByFetch(head)) pipeline.relay(exchange);
    else proxied(exchange);
  };
}

const SLASH = 47;
const QUESTION = 63;

/** Whether the path is, byte for byte, one of the prefixes or below it. */
export function isReserved(head: RequestHead, reserved: readonly Buffer[]): boolean {
  const { bytes, pathStart, targetEnd } = head;
  for (const prefix of reserved) {
    const end = pathStart + prefix.length;
    if (end > targetEnd || !begins(bytes, pathStart, prefix)) continue;
    if (end === targetEnd || bytes[end] === SLASH || bytes[end] === QUESTION) return true;
  }
  return false;
}

/** False for what goes over own connections with either transport, or is answered here. */
export function mayGoByFetch(head: RequestHead): boolean {
  return isForBackend(head) && !wantsUpgrade(head);
}

/** False for `OPTIONS` on a whole server, in both its forms, and `CONNECT`: they make no URL. */
function isForBackend(head: RequestHead): boolean {
  if (head.form === Form.ORIGIN) return true;
  return head.form === Form.ABSOLUTE && head.target !== "*";
}

function refuseControl(exchange: Exchange, { status, detail }: Unfit): void {
  const { head, body } = problemAnswer(status, { title: reasonOf(status), detail });
  exchange.beginHead(status, head);
  exchange.sendWhole(body);
}
