// An exchange on its way through a function of fetch's shape: what a router and the relay behind it see
// of it, and what it tells them. Made by `fetch-adapter.ts`.

import type { Exchange } from "./exchange.ts";
import type { MessageWriter } from "./message-writer.ts";
import type { FetchBody } from "./sayable.ts";

/** How an answer ended: `left` by the client, or `broken` at its source. */
export type PassageEnd = "whole" | "left" | "broken";

/** An answer's fields by their names in lower case; a list where lines may not be joined. */
export type AnswerFields = Readonly<Record<string, string | string[] | undefined>>;

/** One object of strings costs less than a call for each field. */
export function fieldsOf({ headers }: Response): AnswerFields {
  return headers.toJSON();
}

export type Drops = ReadonlySet<string>;

export interface PassageListener {
  /** The answer's head leaves now: adds whole lines to it, each with CRLF. */
  onHead(writer: MessageWriter): void;
  /** The answer is complete; see `ExchangeOwner`. */
  onComplete(): void;
  /** The client has left. */
  onLeft(): void;
  /** The request's body gets larger than `maxBody`: it breaks off here. */
  onTooLarge(): void;
  /** From now on the answer waits for its next piece, or for its client to take the last one. */
  onWait(whom: "source" | "client"): void;
  /** The answer broke off before its head had left. Has to answer on the exchange. */
  onBroken(): void;
}

/** As much of a `Request` as a router reads. */
export interface Passage {
  readonly method: string;
  /** For a router, which is asked when the way is decided: the same for all, not the request's. */
  readonly url: string;
  /** Null: there is none. */
  readonly body: FetchBody | null;
  readonly exchange: Exchange;
  listener: PassageListener | null;
  /** Bytes that the request's body may have. To be set before it is read. */
  maxBody: number;
  /**
   * Bytes of an answer that is handed on when all of it is there; larger ones are as they come. How far
   * one has come that is waited for, nobody sees.
   */
  mostWhole: number;
  /**
   * Hands the answer on, to its end. `drops`: fields that do not go on, framing included, in lower
   * case. Never rejects.
   */
  relay(answer: Response, fields: AnswerFields, drops: Drops): PassageEnd | Promise<PassageEnd>;
}

/** A passage as it goes into a router, and comes out again. */
export function asRequest(passage: Passage): Request {
  return passage as unknown as Request;
}
export function asPassage(request: Request): Passage {
  return request as unknown as Passage;
}

/** Instead of a response: the answer was written to the exchange, or will be by whoever took it. */
export const TAKEN = new Response(null);
