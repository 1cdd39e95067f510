// How the request's body goes to the backend. A small one of known length is Bun's own stream from
// socket to socket. A long one, or one of unknown length, passes through here: counted against
// MAX_BODY, and each piece gives the backend's answer new time, so that a slow upload is not cut.
// Pulled only as the backend takes it, so memory stays bounded, and nothing is read before there is
// a connection, so a body that met a closed port can be sent to the next backend.

import { cancel, type Deadlines } from "./deadlines.ts";
import type { Exchange } from "./exchange.ts";

/** Bytes of a body that Bun streams by itself. */
const NATIVE_MAX = 64 * 1024;

export type ForwardedBody = ReadableStream<Uint8Array<ArrayBuffer>> | null;

/** `maxBody` in bytes; 0 means no limit. */
export function requestBody(
  exchange: Exchange,
  deadlines: Deadlines,
  maxBody: number,
): ForwardedBody {
  const { method, request } = exchange;
  if (method === "GET" || method === "HEAD") return null;
  const { body } = request;
  if (body === null) return null;
  const length = request.headers.get("content-length");
  if (length !== null && Number(length) <= NATIVE_MAX) return body;
  return counted(exchange, body, deadlines, maxBody === 0 ? Infinity : maxBody);
}

/** Whether the same body can be sent once more. */
export function isUntouched(exchange: Exchange): boolean {
  return !exchange.bodyTouched && !exchange.request.bodyUsed;
}

function counted(
  exchange: Exchange,
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  deadlines: Deadlines,
  maxBody: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | null = null;
  let total = 0;
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>) {
      exchange.bodyTouched = true;
      reader ??= body.getReader();
      const { done, value } = await reader.read();
      if (done) return controller.close();
      total += value.byteLength;
      if (total > maxBody) {
        cancel(exchange, "too_large");
        return controller.error(undefined);
      }
      deadlines.progress(exchange);
      controller.enqueue(value);
    },
    async cancel(reason: unknown) {
      await reader?.cancel(reason);
    },
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}
