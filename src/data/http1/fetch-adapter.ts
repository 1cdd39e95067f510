// Serves exchanges by a function of fetch's shape: for control routes and Elysia, off the hot path.
// The target is taken as it is; one that a URL would rewrite is still told apart by `rawTarget`.

import { type Exchange, type ExchangeOwner, UNKNOWN_LENGTH } from "./exchange.ts";
import type { BodyConsumer } from "./request-body.ts";

export interface FetchInfo {
  readonly remoteAddress: string;
  /** The request target as it was sent; `Request.url` has dot segments and escapes resolved. */
  readonly rawTarget: string;
}
export type Fetch = (request: Request, info: FetchInfo) => Response | Promise<Response>;

const NOTHING = Buffer.alloc(0);

/** `onError`: the function threw or its answer's body broke. The client sees 500 or a truncation. */
export function toFetchHandler(
  fetch: Fetch,
  onError: (error: unknown) => void = () => {},
): (exchange: Exchange) => void {
  return (exchange) => {
    void new FetchExchange(exchange).run(fetch).catch((error: unknown) => {
      onError(error);
      if (exchange.status !== 0) return exchange.abort();
      exchange.begin(500, "Internal Server Error");
      exchange.send(0, NOTHING, 0, 0, true);
    });
  };
}

class FetchExchange implements ExchangeOwner, BodyConsumer {
  readonly #exchange: Exchange;
  readonly #aborted = new AbortController();
  #body: ReadableStreamDefaultController<Uint8Array> | null = null;
  #drained: (() => void) | null = null;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    exchange.owner = this;
  }

  async run(fetch: Fetch): Promise<void> {
    const { head, peerAddress } = this.#exchange;
    const info: FetchInfo = { remoteAddress: peerAddress, rawTarget: head.target };
    const request = this.#request();
    await this.#answer(
      request === null ? new Response(null, { status: 400 }) : await fetch(request, info),
    );
  }

  /** Null when the target and host make no URL. */
  #request(): Request | null {
    const { head } = this.#exchange;
    const target = head.target.startsWith("/") ? head.target : "/";
    const url = URL.parse(`http://${head.host === "" ? "localhost" : head.host}${target}`);
    if (url === null) return null;
    const headers = new Headers();
    for (let i = 0; i < head.fields.count; i++)
      headers.append(head.fields.name(i), head.fields.value(i));
    const init: RequestInit = { method: head.method, headers, signal: this.#aborted.signal };
    if (head.length === 0) return new Request(url, init);
    return new Request(url, { ...init, body: this.#stream() });
  }

  #stream(): ReadableStream<Uint8Array> {
    let reading = false;
    return new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          this.#body = controller;
          if (reading) return this.#exchange.resumeBody();
          reading = true;
          this.#exchange.readBody(this);
        },
        cancel: () => {
          this.#body = null;
          this.#exchange.resumeBody();
        },
      },
      { highWaterMark: 0 },
    );
  }

  async #answer(response: Response): Promise<void> {
    const exchange = this.#exchange;
    if (exchange.over) return void response.body?.cancel();
    const writer = exchange.begin(response.status, response.statusText);
    response.headers.forEach((value, name) => {
      if (FRAMING.has(name)) return;
      writer.text(`${name}: ${value}\r\n`);
    });
    const length = response.headers.get("content-length");
    if (response.body === null) {
      exchange.send(length === null ? 0 : Number(length), NOTHING, 0, 0, true);
      return;
    }
    const reader = response.body.getReader();
    exchange.send(length === null ? UNKNOWN_LENGTH : Number(length), NOTHING, 0, 0, false);
    for (;;) {
      const { done, value } = await reader.read();
      if (exchange.over) return void reader.cancel();
      if (done) return exchange.end();
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      if (exchange.write(bytes, 0, bytes.length)) continue;
      await new Promise<void>((resolve) => (this.#drained = resolve));
    }
  }

  onBody(bytes: Buffer, start: number, end: number, last: boolean): void {
    this.#exchange.pauseBody();
    if (end > start) this.#body?.enqueue(new Uint8Array(bytes.subarray(start, end)));
    if (!last) return;
    this.#body?.close();
    this.#body = null;
  }
  onDrain(): void {
    this.#drained?.();
    this.#drained = null;
  }
  onAbort(): void {
    this.#aborted.abort();
    this.#body?.error(new Error("the client is gone"));
    this.#body = null;
    this.onDrain();
  }
}

/** What this hop writes itself. */
const FRAMING = new Set(["content-length", "transfer-encoding", "connection", "keep-alive"]);
