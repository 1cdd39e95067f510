// Backends for tests of the proxied path. `rawBackend` speaks bytes: it records every request as it
// came over the wire and lets the test decide what goes back, when, and how the connection ends.

import { parseHeaders, type RawAnswer } from "./raw-client.ts";

export interface RecordedRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: RawAnswer["headers"];
  /** As it came, chunk framing included. */
  body: string;
  /** The whole head as it came. */
  readonly head: string;
}

export interface BackendConnection {
  readonly socket: Bun.Socket<unknown>;
  /** Requests of this connection so far, this one included. */
  readonly count: number;
  /** Writes all of it as the peer takes it. */
  write(data: string | Uint8Array): Promise<void>;
  /** Settles when the peer or we have closed the connection. */
  readonly closed: Promise<void>;
}

export type Behaviour = (
  request: RecordedRequest,
  connection: BackendConnection,
) => void | Promise<void>;

export interface RawBackend extends Disposable {
  readonly port: number;
  readonly url: string;
  readonly requests: RecordedRequest[];
  /** Connections that are open now. */
  open: number;
  /** Connections that were ever opened. */
  accepted: number;
  /** Settles when `seen` holds; looked at on every byte and every close. */
  until(seen: () => boolean): Promise<void>;
  /** Closes the port and every connection. */
  stop(): void;
}

export const OK = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

/** The behaviour that answers every request with the same bytes. */
export function answering(answer: string): Behaviour {
  return (_, connection) => connection.write(answer);
}

interface State {
  buffer: string;
  count: number;
  current: RecordedRequest | null;
  drained: PromiseWithResolvers<void>;
  closed: PromiseWithResolvers<void>;
}

export function rawBackend(behave: Behaviour = answering(OK)): RawBackend {
  const requests: RecordedRequest[] = [];
  let changed = Promise.withResolvers<void>();
  const wake = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const receive = (socket: Bun.Socket<State>, text: string): void => {
    const state = socket.data;
    state.buffer += text;
    const end = state.buffer.indexOf("\r\n\r\n");
    // A next request starts with a method and a target; everything else belongs to the body.
    if (end >= 0 && /^[A-Za-z0-9-]+ \S+ HTTP\/1\.1\r\n/.test(state.buffer)) {
      const head = state.buffer.slice(0, end);
      const [method, target] = head.split(" ", 2) as [string, string];
      const body = state.buffer.slice(end + 4);
      state.current = { method, target, headers: parseHeaders(head), body, head };
      requests.push(state.current);
      state.count += 1;
      state.buffer = "";
      void behave(state.current, connectionOf(socket));
    } else if (state.current !== null) {
      state.current.body += state.buffer;
      state.buffer = "";
    }
    wake();
  };
  const listener = Bun.listen<State>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        const drained = Promise.withResolvers<void>();
        const closed = Promise.withResolvers<void>();
        socket.data = { buffer: "", count: 0, current: null, drained, closed };
        backend.open += 1;
        backend.accepted += 1;
        wake();
      },
      data: (socket, data) => receive(socket, data.toString("latin1")),
      drain(socket) {
        socket.data.drained.resolve();
        socket.data.drained = Promise.withResolvers();
      },
      close(socket) {
        backend.open -= 1;
        socket.data.closed.resolve();
        socket.data.drained.resolve();
        wake();
      },
      error: () => {},
    },
  });
  const backend: RawBackend = {
    port: listener.port,
    url: `http://127.0.0.1:${listener.port}`,
    requests,
    open: 0,
    accepted: 0,
    async until(seen) {
      while (!seen()) await changed.promise;
    },
    stop: () => listener.stop(true),
    [Symbol.dispose]: () => listener.stop(true),
  };
  return backend;
}

function connectionOf(socket: Bun.Socket<State>): BackendConnection {
  const { closed, count } = socket.data;
  return {
    socket,
    count,
    closed: closed.promise,
    async write(data) {
      let left = typeof data === "string" ? Buffer.from(data, "latin1") : data;
      while (socket.readyState === 1) {
        const { promise } = socket.data.drained;
        const written = socket.write(left);
        if (written >= left.length) return;
        left = left.subarray(Math.max(0, written));
        await promise;
      }
    },
  };
}

/**
 * A port on which nobody listens (any more). Ask for it at 127.0.0.2: at 127.0.0.1 another test may
 * have been given it meanwhile.
 */
export function closedPort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
