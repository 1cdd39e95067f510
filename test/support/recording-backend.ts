// A backend that keeps what it was sent, byte for byte, and reads it with the reference parser: what
// does not parse is kept as well. It tells its callers apart by the address the gateway states.

import { referenceChunked, referenceRequest } from "../data/http1/reference.ts";

export interface Received {
  readonly method: string;
  readonly target: string;
  readonly body: string;
  readonly fields: readonly (readonly [string, string])[];
}

export interface RecordingBackend extends Disposable {
  readonly url: string;
  /** Complete requests by the client's address, in order. */
  readonly byClient: Map<string, Received[]>;
  /** Bytes that are no HTTP. Expected to stay empty. */
  readonly nonsense: string[];
  total: number;
}

/** A request complete at the start of `text`, and what follows it; null: more is needed. */
export function firstRequest(
  text: string,
): { request: Received; rest: string } | { refused: true } | null {
  const end = text.indexOf("\r\n\r\n", text.startsWith("\r\n") ? 2 : 0);
  if (end < 0) return null;
  // Valid where the target has no authority (RFC 9112 §3.2), as for HTTP/1.0 without a Host; of
  // clients the gateway refuses it, so the reference does.
  const seen = referenceRequest(text.replace(/\r\nHost: ?\r\n/, "\r\nHost: none\r\n"));
  if (seen.status !== 200) return { refused: true };
  const after = text.slice(end + 4);
  const { method = "", target = "", fields = [], length = 0 } = seen;
  if (length === "chunked") {
    const chunked = referenceChunked(after);
    if (chunked === null) return null;
    return { request: { method, target, fields, body: chunked.body }, rest: chunked.rest };
  }
  if (after.length < length) return null;
  const body = after.slice(0, length);
  return { request: { method, target, fields, body }, rest: after.slice(length) };
}

const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

export function recordingBackend(healthPath: string): RecordingBackend {
  const byClient = new Map<string, Received[]>();
  const nonsense: string[] = [];
  const listener = Bun.listen<{ text: string }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => {
        socket.data = { text: "" };
      },
      data(socket, bytes) {
        socket.data.text += bytes.toString("latin1");
        for (;;) {
          const first = firstRequest(socket.data.text);
          if (first === null) return;
          if ("refused" in first) {
            nonsense.push(socket.data.text);
            return socket.terminate();
          }
          socket.data.text = first.rest;
          record(first.request);
          socket.write(first.request.method === "HEAD" ? ANSWER.slice(0, -2) : ANSWER);
        }
      },
    },
  });
  const record = (request: Received): void => {
    if (request.target === healthPath) return;
    backend.total += 1;
    const client = request.fields.find(([name]) => name.toLowerCase() === "x-forwarded-for")?.[1];
    const list = byClient.get(client ?? "") ?? [];
    list.push(request);
    byClient.set(client ?? "", list);
  };
  const backend: RecordingBackend = {
    url: `http://127.0.0.1:${listener.port}`,
    byClient,
    nonsense,
    total: 0,
    [Symbol.dispose]: () => listener.stop(true),
  };
  return backend;
}
