// How the request's body goes to the backend by `fetch`. What came with the head goes as it is, which costs
// a third of a stream and can be sent again. A stream is pulled only as the backend takes it, so memory
// stays bounded, and nothing is read before there is a connection, so a body that met a closed port
// can be sent to the next backend. While a piece is waited for, the client is, and not the backend,
// which has new time from then on: a slow or stalled upload says nothing about it.

import { type Deadlines, UPLOADS } from "./deadlines.ts";
import type { FetchBody } from "../http1/sayable.ts";
import type { Fetching } from "./forward.ts";

export type ForwardedBody = FetchBody | null;

export function requestBody(fetching: Fetching, deadlines: Deadlines): ForwardedBody {
  const { body } = fetching.passage;
  return body instanceof ReadableStream ? watched(fetching, body, deadlines) : body;
}

function watched(
  fetching: Fetching,
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  deadlines: Deadlines,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | null = null;
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>) {
      fetching.bodyTouched = true;
      reader ??= body.getReader();
      deadlines.hold(fetching, UPLOADS);
      const { done, value } = await reader.read();
      deadlines.release(fetching, UPLOADS);
      if (done) return controller.close();
      controller.enqueue(value);
    },
    async cancel(reason: unknown) {
      await reader?.cancel(reason);
    },
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}
