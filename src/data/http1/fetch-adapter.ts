// Serves exchanges by a function of fetch's shape: for control routes and Elysia. A request that
// cannot be said as a `Request` is told apart before (`sayable.ts`). A real `Request` is made only
// where one is read: of a proxied request Elysia looks at the method and a URL, and the answers
// that the gateway makes itself never become a `Response`.

import { peek } from "bun";
import { ClientLeft } from "../../shared/client-left.ts";
import { dateLine } from "./date.ts";
import { Phrase } from "./phrase.ts";
import { type Exchange, type ExchangeOwner, UNKNOWN_LENGTH } from "./exchange.ts";
import { reasonOf } from "./reasons.ts";
import {
  type AnswerFields,
  fieldsOf,
  type Drops,
  type Passage,
  type PassageEnd,
  type PassageListener,
  TAKEN,
} from "./passage.ts";
import { PassageBody } from "./passage-body.ts";
import { type FetchBody, requestFor, type Unfit, unfitOf } from "./sayable.ts";
import { GATEWAY_FAILED } from "./whole-answer.ts";

export interface PassageHandlerOptions {
  readonly handle: (passage: Passage) => Response | Promise<Response>;
  /** Has to answer. */
  readonly onUnfit: (exchange: Exchange, unfit: Unfit) => void;
  /** The function threw, or its answer's body broke and nobody listens to the passage. */
  readonly onError: (error: unknown) => void;
}

export interface FetchHandlerOptions extends Omit<PassageHandlerOptions, "handle"> {
  readonly fetch: (request: Request, passage: Passage) => Response | Promise<Response>;
}

const ANY_URL = "http://gateway/";
const NOTHING = Buffer.alloc(0);
const NO_LINE = new Phrase("");
const NEXT_TURN = Promise.resolve();
/** Bytes of an answer that is handed on whole, its head in one write with it. */
const ONE_WRITE = 65_536;

const PLAIN_REASON = /^[\x20-\x7e]+$/;
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;

/** What this hop writes itself. */
const FRAMING = new Set(["content-length", "transfer-encoding", "connection", "keep-alive"]);

/** With a `Request` that can be read. */
export function toFetchHandler(options: FetchHandlerOptions): (exchange: Exchange) => void {
  const { fetch, onUnfit, onError } = options;
  return (exchange) => {
    const passage = new FetchPassage(exchange, onError);
    const request = requestFor(exchange.head, passage.body, true);
    if (request instanceof Request) passage.run(() => fetch(request, passage));
    else onUnfit(exchange, request);
  };
}

/** Without. */
export function toPassageHandler(options: PassageHandlerOptions): (exchange: Exchange) => void {
  const { handle, onUnfit, onError } = options;
  return (exchange) => {
    const passage = new FetchPassage(exchange, onError);
    const unfit = unfitOf(exchange.head);
    if (unfit === null) passage.run(handle);
    else onUnfit(exchange, unfit);
  };
}

class FetchPassage implements Passage, ExchangeOwner {
  readonly exchange: Exchange;
  readonly method: string;
  readonly url = ANY_URL;
  listener: PassageListener | null = null;
  maxBody = Infinity;
  mostWhole = ONE_WRITE;
  readonly #onError: (error: unknown) => void;
  #body: PassageBody | null = null;
  #answer: ReadableStreamDefaultReader<Uint8Array> | null = null;
  #drained: (() => void) | null = null;
  #drops: Drops = FRAMING;

  constructor(exchange: Exchange, onError: (error: unknown) => void) {
    this.exchange = exchange;
    this.method = exchange.head.method;
    this.#onError = onError;
    exchange.owner = this;
  }

  get body(): FetchBody | null {
    if (this.exchange.head.length === 0) return null;
    this.#body ??= new PassageBody(this);
    return this.#body.value;
  }

  run(handle: PassageHandlerOptions["handle"]): void {
    let answer: Response | Promise<Response>;
    try {
      answer = handle(this);
    } catch (error) {
      answer = Promise.reject(error);
    }
    if (answer !== TAKEN) void this.#finish(answer);
  }

  async #finish(answer: Response | Promise<Response>): Promise<void> {
    try {
      const response = await answer;
      if (response !== TAKEN) await this.relay(response, fieldsOf(response), FRAMING);
    } catch (error) {
      this.#broke(error);
    }
  }

  relay(response: Response, fields: AnswerFields, drops: Drops): PassageEnd | Promise<PassageEnd> {
    this.#drops = drops;
    const end = this.#relay(response, fields);
    return typeof end === "string" ? end : end.catch((error: unknown) => this.#broke(error));
  }

  #relay(response: Response, fields: AnswerFields): PassageEnd | Promise<PassageEnd> {
    const { exchange } = this;
    if (exchange.over) {
      void response.body?.cancel().catch(ignore);
      return "left";
    }
    const stated = fields["content-length"];
    const length = stated === undefined ? UNKNOWN_LENGTH : Number(stated);
    const toHead = exchange.head.isMethod("HEAD");
    if (length > 0 && length <= this.mostWhole && !toHead && response.status !== 304) {
      return this.#relayWhole(response, fields, length);
    }
    const { body } = response;
    if (body !== null && !(toHead && length >= 0)) {
      return this.#relayPieces(response, fields, body, length);
    }
    this.#begin(response, fields);
    // Without a body there, no length means 0; where none could be (RFC 9110 §8.6), it means none.
    const bodiless = toHead || response.status === 304;
    exchange.send(length < 0 && !bodiless ? 0 : length, NOTHING, 0, 0, true);
    return "whole";
  }

  /** A short answer: a stream for it would cost a fifth of what the request does. */
  #relayWhole(
    response: Response,
    fields: AnswerFields,
    length: number,
  ): PassageEnd | Promise<PassageEnd> {
    const reading = response.bytes();
    const bytes = settled(reading);
    // Mostly it came with the head.
    return bytes === null
      ? reading.then((late) => this.#sendWhole(response, fields, length, late))
      : this.#sendWhole(response, fields, length, bytes);
  }

  #sendWhole(
    response: Response,
    fields: AnswerFields,
    length: number,
    bytes: Uint8Array,
  ): PassageEnd {
    if (this.exchange.over) return "left";
    this.#begin(response, fields);
    this.exchange.send(length, bufferOf(bytes), 0, bytes.length, true);
    return "whole";
  }

  async #relayPieces(
    response: Response,
    fields: AnswerFields,
    body: ReadableStream<Uint8Array>,
    length: number,
  ): Promise<PassageEnd> {
    const { exchange } = this;
    const toHead = exchange.head.isMethod("HEAD");
    const reader = body.getReader();
    this.#answer = reader;
    let reading = reader.read();
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
    this.#begin(response, fields);
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
        // A chunk is its reader's alone; what lies behind it is, where it is all of that.
        if (piece.buffer.byteLength === piece.length) exchange.release(piece);
        reading = reader.read();
      }
    }
    return "whole";
  }

  #broke(error: unknown): PassageEnd {
    const { exchange } = this;
    if (exchange.over) return "left";
    if (this.listener === null) this.#onError(error);
    if (exchange.status !== 0) exchange.abort();
    else if (this.listener !== null) this.listener.onBroken();
    else {
      exchange.beginHead(GATEWAY_FAILED.status, GATEWAY_FAILED.head);
      exchange.sendWhole(GATEWAY_FAILED.body);
    }
    return "broken";
  }

  #begin({ status, statusText }: Response, fields: AnswerFields): void {
    const drops = this.#drops;
    let lines = "";
    for (const name in fields) {
      if (drops.has(name)) continue;
      const value = fields[name];
      if (typeof value === "string") lines += `${name}: ${value}\r\n`;
      else if (value !== undefined) for (const cookie of value) lines += `${name}: ${cookie}\r\n`;
    }
    const date = "date" in fields && !drops.has("date") ? NO_LINE : dateLine();
    const writer = this.exchange.begin(status, reasonBytes(status, statusText), date).text(lines);
    this.listener?.onHead(writer);
  }

  #drain(): Promise<void> {
    return new Promise((resolve) => (this.#drained = resolve));
  }

  onDrain(): void {
    this.#drained?.();
    this.#drained = null;
  }
  onComplete(): void {
    this.listener?.onComplete();
  }
  onAbort(): void {
    this.listener?.onLeft();
    this.#body?.break(new ClientLeft());
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

function bufferOf(bytes: Uint8Array | undefined): Buffer {
  return bytes === undefined
    ? NOTHING
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What a promise holds already; null when it does not. */
function settled<T>(promise: Promise<T>): T | null {
  return peek.status(promise) === "fulfilled" ? (peek(promise) as T) : null;
}

function ignore(): void {}
