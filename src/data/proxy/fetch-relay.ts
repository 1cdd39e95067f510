// The transport over `fetch`: tries backends until one answers or trying another is not safe, and
// hands the answer on. The exchange ends when the adapter has written the last of it to the client.

import type { Config } from "../../config.ts";
import type { Clock } from "../../shared/clock.ts";
import type { Passage, PassageEnd, PassageListener } from "../http1/fetch-adapter.ts";
import type { Attempts } from "./attempts.ts";
import { Deadlines } from "./deadlines.ts";
import type { Exchange } from "./exchange.ts";
import { Fetching, type Forward, tryBackend } from "./forward.ts";
import { prepareRequest, prepareResponse } from "./headers.ts";
import type { Observer } from "./observe.ts";
import { asResponse, type OwnAnswer } from "./responses.ts";
import { type Epochs, Sessions } from "./sessions.ts";

export interface FetchRelayOptions {
  readonly config: Pick<Config, "maxBody" | "timeouts">;
  readonly backends: Epochs;
  readonly attempts: Attempts;
  readonly clock: Clock;
  readonly observer: Observer;
}

export class FetchRelay {
  readonly attempts: Attempts;
  readonly #forward: Forward;
  readonly #maxBody: number;
  readonly #observer: Observer;

  constructor({ config, backends, attempts, clock, observer }: FetchRelayOptions) {
    const { maxBody, timeouts } = config;
    const deadlines = new Deadlines(clock, timeouts.requestMs);
    this.#forward = { clock, deadlines, sessions: new Sessions(backends) };
    this.#maxBody = maxBody === 0 ? Infinity : maxBody;
    this.attempts = attempts;
    this.#observer = observer;
  }

  /** Settles with the headers of the answer. The exchange has a backend to try first. */
  async send(exchange: Exchange, request: Request, passage: Passage): Promise<Response> {
    const fetching = new Fetching(exchange, request);
    passage.listener = new Listener(exchange, passage, this.attempts, fetching);
    passage.maxBody = this.#maxBody;
    prepareRequest(exchange, request.headers, passage.exchange.head);
    for (;;) {
      const outcome = await tryBackend(fetching, this.#forward);
      if (typeof outcome !== "string") {
        this.attempts.answered(exchange, outcome.status);
        prepareResponse(exchange, outcome.headers);
        return outcome;
      }
      const answer = this.attempts.next(exchange, outcome, isUntouched(fetching));
      if (answer !== null) return this.#own(exchange, answer);
    }
  }

  /** An answer of our own. */
  answer(exchange: Exchange, answer: OwnAnswer, passage: Passage): Response {
    passage.listener = new Listener(exchange, passage, this.attempts, null);
    return this.#own(exchange, answer);
  }

  #own(exchange: Exchange, answer: OwnAnswer): Response {
    this.#observer.answeredOurselves(exchange, answer.status);
    return asResponse(answer, exchange);
  }
}

/** Whether the same body can be sent once more. */
function isUntouched({ bodyTouched, request }: Fetching): boolean {
  return !bodyTouched && !request.bodyUsed;
}

class Listener implements PassageListener {
  readonly #exchange: Exchange;
  readonly #passage: Passage;
  readonly #attempts: Attempts;
  readonly #fetching: Fetching | null;

  constructor(exchange: Exchange, passage: Passage, attempts: Attempts, fetching: Fetching | null) {
    this.#exchange = exchange;
    this.#passage = passage;
    this.#attempts = attempts;
    this.#fetching = fetching;
  }

  onLeft(): void {
    this.#fetching?.cancel("client");
  }

  onTooLarge(): void {
    this.#fetching?.cancel("too_large");
  }

  onOver(end: PassageEnd): void {
    const exchange = this.#exchange;
    if (exchange.bytes !== null) exchange.bytes = this.#passage.exchange.bodyBytes;
    if (end === "left") exchange.brokenBy = "client";
    if (end === "broken") this.#attempts.broke(exchange);
    this.#attempts.over(exchange);
  }
}
