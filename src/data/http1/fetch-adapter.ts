// Serves exchanges by a function of fetch's shape: for control routes and Elysia, off the hot path.
// A request that cannot be said as a `Request` without losing or altering something is told apart
// before: Bun turns unknown methods into GET, drops bodies of GET, and rewrites targets.

import { peek } from "bun";
import { problemBody } from "../../shared/problem.ts";
import { dateLine } from "./date.ts";
import { type Exchange, type ExchangeOwner, UNKNOWN_LENGTH } from "./exchange.ts";
import { Field, HOP_BY_HOP, mask } from "./field-names.ts";
import { reasonOf } from "./reasons.ts";
import type { BodyConsumer } from "./request-body.ts";
import type { RequestHead } from "./request-head.ts";
import { WORTH_RELEASING } from "./wire.ts";

/** How an answer ended: `left` by the client, or `broken` at its source. */
export type PassageEnd = "whole" | "left" | "broken";

export interface PassageListener {
  /** The client has left. `onOver` follows, once whoever makes the answer has ended. */
  onLeft(): void;
  /** The request's body gets larger than `maxBody`: it breaks off here. */
  onTooLarge(): void;
  /** From now on the answer waits for its next piece, or for its client to take the last one. */
  onWait(whom: "source" | "client"): void;
  /** The answer's head leaves now. */
  onHead(): void;
  /** The answer broke off before its head had left. Has to answer on the exchange. */
  onBroken(): void;
  onOver(end: PassageEnd): void;
}

/** An exchange on its way through a function of fetch's shape. */
export interface Passage {
  readonly exchange: Exchange;
  listener: PassageListener | null;
  /** Bytes that the request's body may have. To be set before it is read. */
  maxBody: number;
}

/** Why a request cannot pass. */
export interface Unfit {
  readonly status: 400 | 431 | 501;
  /** A sentence for people. */
  readonly detail: string;
}

export interface FetchHandlerOptions {
  readonly fetch: (request: Request, passage: Passage) => Response | Promise<Response>;
  /** Has to answer. */
  readonly onUnfit: (exchange: Exchange, unfit: Unfit) => void;
  /** The function threw, or its answer's body broke and nobody listens to the passage. */
  readonly onError: (error: unknown) => void;
}

const NOTHING = Buffer.alloc(0);
const NEXT_TURN = Promise.resolve();
const BUG = failure(500, "Internal Server Error", "The gateway failed.");
/** Bytes of an answer whose head waits for its first piece, so that both leave in one write. */
const ONE_WRITE = 65_536;

/** Bun's client sends 250 and loses the others in silence; the gateway adds eight of its own. */
const MOST_FIELDS = 240;

const PLAIN_REASON = /^[\x20-\x7e]+$/;
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;

/** What ends at this hop, the framing of the body that was undone, and what is set anew. */
const DROPS = HOP_BY_HOP | mask(Field.TRANSFER_ENCODING, Field.EXPECT, Field.HOST);
/** What this hop writes itself. */
const FRAMING = new Set(["content-length", "transfer-encoding", "connection", "keep-alive"]);

export function toFetchHandler(options: FetchHandlerOptions): (exchange: Exchange) => void {
  return (exchange) => {
    const passage = new FetchPassage(exchange, options);
    const request = passage.request();
    if (request instanceof Request) void passage.run(request);
    else options.onUnfit(exchange, request);
  };
}

class FetchPassage implements Passage, ExchangeOwner, BodyConsumer {
  readonly exchange: Exchange;
  listener: PassageListener | null = null;
  maxBody = Infinity;
  readonly #options: FetchHandlerOptions;
  #body: ReadableStreamDefaultController<Uint8Array> | null = null;
  #answer: ReadableStreamDefaultReader<Uint8Array> | null = null;
  #drained: (() => void) | null = null;

  constructor(exchange: Exchange, options: FetchHandlerOptions) {
    this.exchange = exchange;
    this.#options = options;
    exchange.owner = this;
  }

  request(): Request | Unfit {
    const { head } = this.exchange;
    const { method, target, host } = head;
    if (head.fields.count > MOST_FIELDS) {
      return unfit(431, `A request with more than ${MOST_FIELDS} header fields is not forwarded.`);
    }
    if (head.length !== 0 && (method === "GET" || method === "HEAD")) {
      return unfit(400, `A body on ${method} is not forwarded; send it with another method.`);
    }
    const url = `http://${host === "" ? "localhost" : host}${target}`;
    const body = head.length === 0 ? null : this.#stream();
    const request = requestOf(url, { method, headers: headersOf(head), body });
    if (request === null && !URL.canParse(url)) {
      return unfit(400, "The Host makes no URL, such as an address with a number too large.");
    }
    if (request?.method !== method) {
      return unfit(501, "This method is not forwarded.");
    }
    // Bun's client takes one of two leading slashes away.
    if (!request.url.endsWith(target) || target.startsWith("//")) {
      return unfit(
        400,
        "This request target would be altered on its way: percent-encode what is no URL character, " +
          "and leave out dot segments and doubled leading slashes.",
      );
    }
    return request;
  }

  async run(request: Request): Promise<void> {
    let end: PassageEnd = "broken";
    try {
      end = await this.#relay(await this.#options.fetch(request, this));
    } catch (error) {
      if (this.exchange.over) end = "left";
      else {
        if (this.listener === null) this.#options.onError(error);
        this.#fail();
      }
    }
    this.listener?.onOver(end);
  }

  #fail(): void {
    const { exchange } = this;
    if (exchange.status !== 0) return exchange.abort();
    if (this.listener !== null) return this.listener.onBroken();
    const { status, title, body } = BUG;
    exchange
      .begin(status, title)
      .text("Content-Type: application/problem+json\r\nCache-Control: no-store\r\n");
    exchange.send(body.length, body, 0, body.length, true);
  }

  async #relay(response: Response): Promise<PassageEnd> {
    const { exchange } = this;
    const { body, headers } = response;
    if (exchange.over) {
      void body?.cancel().catch(ignore);
      return "left";
    }
    const stated = headers.get("content-length");
    const length = stated === null ? UNKNOWN_LENGTH : Number(stated);
    const toHead = exchange.head.isMethod("HEAD");
    if (body === null || (toHead && length >= 0)) {
      this.#begin(response);
      // Without a body there, no length means 0; where none could be (RFC 9110 §8.6), it means none.
      const bodiless = toHead || response.status === 304;
      exchange.send(length < 0 && !bodiless ? 0 : length, NOTHING, 0, 0, true);
      return "whole";
    }
    const reader = body.getReader();
    this.#answer = reader;
    let reading = reader.read();
    // A short answer leaves in one write; of any other the head does not wait for the body.
    if (length >= 0 && length <= ONE_WRITE) await reading;
    const first = settled(reading);
    const bytes = bufferOf(first?.value);
    if (first !== null) {
      reading = reader.read();
      // The end of a body that is all there shows a turn after its last piece.
      await NEXT_TURN;
      await NEXT_TURN;
    }
    const last = first !== null && (bytes.length === length || settled(reading)?.done === true);
    if (exchange.over) return "left";
    this.#begin(response);
    let free = exchange.send(last ? bytes.length : length, bytes, 0, bytes.length, last || toHead);
    if (toHead && !last) void reader.cancel().catch(ignore);
    while (!exchange.over) {
      if (!free) {
        this.listener?.onWait("client");
        await this.#drain();
      }
      this.listener?.onWait("source");
      const { done, value } = await reading;
      if (exchange.over) return "left";
      if (done) exchange.end();
      else {
        const piece = bufferOf(value);
        free = exchange.write(piece, 0, piece.length);
        reading = reader.read();
      }
    }
    return "whole";
  }

  #begin({ status, statusText, headers }: Response): void {
    this.listener?.onHead();
    const date = headers.has("date") ? NOTHING : dateLine();
    const writer = this.exchange.begin(status, reasonBytes(status, statusText), date);
    headers.forEach((value, name) => {
      if (!FRAMING.has(name)) writer.text(`${name}: ${value}\r\n`);
    });
  }

  #drain(): Promise<void> {
    return new Promise((resolve) => (this.#drained = resolve));
  }

  /** The request's body, pulled only as it is read. */
  #stream(): ReadableStream<Uint8Array> {
    let reading = false;
    return new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          this.#body = controller;
          if (reading) return this.exchange.resumeBody();
          reading = true;
          this.exchange.readBody(this, this.maxBody);
        },
        cancel: () => {
          this.#body = null;
          this.exchange.resumeBody();
        },
      },
      { highWaterMark: 0 },
    );
  }

  onBody(bytes: Buffer, start: number, end: number, last: boolean): void {
    this.exchange.pauseBody();
    // Nobody tells when `fetch` has done with a piece, so it cannot be freed.
    if (bytes.length >= WORTH_RELEASING) this.exchange.pile(bytes.length);
    if (end > start) this.#body?.enqueue(bytes.subarray(start, end));
    if (!last) return;
    this.#body?.close();
    this.#body = null;
  }
  onTooLarge(): void {
    this.listener?.onTooLarge();
    this.#body?.error(new Error("the body is too large"));
    this.#body = null;
  }
  onDrain(): void {
    this.#drained?.();
    this.#drained = null;
  }
  onAbort(): void {
    this.listener?.onLeft();
    this.#body?.error(new Error("the client has left"));
    this.#body = null;
    // What still comes is of no interest, nor is its failing.
    void this.#answer?.cancel().catch(ignore);
    this.onDrain();
  }
}

/**
 * The reason, one character a byte. Bun reads it as UTF-8, so it has characters whose low byte alone
 * would be a CR or LF: an answer of the backend's invention.
 */
function reasonBytes(status: number, text: string): string {
  if (PLAIN_REASON.test(text)) return text;
  const bytes = Buffer.from(text).toString("latin1");
  return text === "" || CONTROL.test(bytes) ? reasonOf(status) : bytes;
}

/** Null when the host makes no URL, or the method no request. */
function requestOf(url: string, init: RequestInit): Request | null {
  try {
    return new Request(url, init);
  } catch {
    return null;
  }
}

function headersOf({ fields, host }: RequestHead): Headers {
  const headers = new Headers();
  // An absolute target's host wins over the field's (RFC 9112 §3.2.2).
  if (host !== "") headers.set("host", host);
  for (let field = 0; field < fields.count; field++) {
    if ((DROPS & (1 << fields.id(field))) !== 0) continue;
    headers.append(fields.name(field), fields.value(field));
  }
  return headers;
}

function bufferOf(bytes: Uint8Array | undefined): Buffer {
  return bytes === undefined
    ? NOTHING
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What a promise holds already; null when it does not. */
function settled<T>(promise: Promise<T>): T | null {
  return peek.status(promise) === "fulfilled" ? (peek(promise) as T) : null;
}

function unfit(status: Unfit["status"], detail: string): Unfit {
  return { status, detail };
}

function ignore(): void {}

function failure(status: number, title: string, detail: string) {
  return { status, title, body: Buffer.from(problemBody(status, { title, detail })) };
}
