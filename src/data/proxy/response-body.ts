// Hands the backend's answer on and tells when its body has ended. Bun can stream an answer from
// socket to socket without a word of when that is over, so only short answers of known length go
// that way: they count as ended with their headers. All others pass through here piece by piece,
// as fast as the client reads, and are counted. Bun sends every stream chunked, so Content-Length
// does not survive on an answer that is not complete when its headers arrive.

import type { Exchange } from "./exchange.ts";

/** Bytes of an answer that Bun streams by itself. */
const NATIVE_MAX = 64 * 1024;

/** Whole, or ended early because the client left or the backend broke it off. */
export type BodyOutcome = "whole" | "client_left" | "broken";

/** Called at the end of the body; the first call counts. `bytes` of it were handed on. */
export type BodyEnd = (exchange: Exchange, bytes: number, outcome: BodyOutcome) => void;

export function deliver(exchange: Exchange, response: Response, end: BodyEnd): Response {
  const { status, headers } = response;
  if (exchange.method === "HEAD" || status === 204 || status === 304) {
    end(exchange, 0, "whole");
    return response;
  }
  const length = headers.get("content-length");
  const bytes = length === null ? Infinity : Number(length);
  // Bun invents a Content-Type for a buffered body without one; a stream stays without.
  if (bytes === 0 || (bytes <= NATIVE_MAX && headers.has("content-type"))) {
    end(exchange, bytes, "whole");
    return response;
  }
  return counted(exchange, response, end);
}

function counted(exchange: Exchange, response: Response, end: BodyEnd): Response {
  const { body, status, statusText, headers } = response;
  if (body === null) {
    end(exchange, 0, "whole");
    return response;
  }
  const reader = body.getReader();
  let bytes = 0;
  const finish = (outcome: BodyOutcome): void => end(exchange, bytes, outcome);
  // Bun calls this also for a client that left before the answer was there.
  const leave = (): void => {
    finish("client_left");
    // What the backend still sends is of no interest, nor is its failing.
    reader.cancel().catch(() => {});
  };
  const pull = async (sink: ReadableStreamDirectController): Promise<void> => {
    try {
      for (;;) {
        const piece = await reader.read();
        if (piece.done) break;
        bytes += piece.value.byteLength;
        // Promises while the client's buffers are full: waiting for them bounds the memory.
        const written = sink.write(piece.value);
        if (written instanceof Promise) await written;
        const flushed: unknown = sink.flush();
        if (flushed instanceof Promise) await flushed;
      }
    } catch {
      finish("broken");
      // The connection is closed without an end of the body, so a broken answer looks broken. Bun
      // would print any other value.
      throw undefined;
    }
    finish("whole");
  };
  const source: Bun.DirectUnderlyingSource = { type: "direct", pull, cancel: leave };
  // The DOM's types know no direct streams.
  const stream = new ReadableStream(source as unknown as UnderlyingDefaultSource);
  return new Response(stream, { status, statusText, headers });
}
