// The transport over `fetch`: tries backends until one answers or trying another is not safe, and
// hands the answer on. The exchange ends when the adapter has written the last of it to the client.

import type { Config } from "../../config.ts";
import type { Clock } from "../../shared/clock.ts";
import type { Exchange as HttpExchange } from "../http1/exchange.ts";
import type { Passage, PassageEnd, PassageListener } from "../http1/fetch-adapter.ts";
import type { Attempts } from "./attempts.ts";
import { Deadlines } from "./deadlines.ts";
import type { Exchange } from "./exchange.ts";
import { Fetching, type Forward, tryBackend } from "./forward.ts";
import { prepareRequest, prepareResponse } from "./headers.ts";
import type { Observer } from "./observe.ts";
import { asResponse, BACKEND_FAILED, CLIENT_LEFT, type OwnAnswer, send } from "./responses.ts";
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
  readonly #watching: Watching;

  constructor({ config, backends, attempts, clock, observer }: FetchRelayOptions) {
    const { maxBody, timeouts } = config;
    this.#forward = {
      clock,
      deadlines: new Deadlines(clock),
      headLimit: timeouts.requestMs * 1e6,
      silenceLimit: (timeouts.streamIdleMs || Infinity) * 1e6,
      sessions: new Sessions(backends),
    };
    this.#maxBody = maxBody === 0 ? Infinity : maxBody;
    this.attempts = attempts;
    this.#observer = observer;
    this.#watching = { attempts, observer, deadlines: this.#forward.deadlines };
  }

  /** Settles with the headers of the answer. The exchange has a backend to try first. */
  async send(exchange: Exchange, request: Request, passage: Passage): Promise<Response> {
    const fetching = new Fetching(exchange, request);
    passage.listener = new Watched(fetching, passage, this.#watching);
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
      if (answer === null) continue;
      const { refusal } = passage.exchange;
      return refusal === 0 ? this.#own(exchange, answer) : this.#refused(exchange, refusal);
    }
  }

  /** An answer of our own. */
  answer(exchange: Exchange, answer: OwnAnswer, passage: Passage): Response {
    passage.listener = new Listener(exchange, passage, this.attempts);
    return this.#own(exchange, answer);
  }

  /** The rest of the request was, and the client has its answer. */
  #refused(exchange: Exchange, status: number): Response {
    exchange.brokenBy = null;
    this.#observer.answeredOurselves(exchange, status);
    return asResponse(CLIENT_LEFT, exchange);
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

  constructor(exchange: Exchange, passage: Passage, attempts: Attempts) {
    this.#exchange = exchange;
    this.#passage = passage;
    this.#attempts = attempts;
  }

  onLeft(): void {}
  onTooLarge(): void {}
  onWait(_for: "source" | "client"): void {}
  onHead(): void {}
  onBroken(): void {
    this.#passage.exchange.abort();
  }

  onOver(end: PassageEnd): void {
    const exchange = this.#exchange;
    if (exchange.bytes !== null) exchange.bytes = this.#passage.exchange.bodyBytes;
    if (end === "left" && this.#passage.exchange.refusal === 0) exchange.brokenBy = "client";
    if (end === "broken") this.#attempts.broke(exchange);
    this.#attempts.over(exchange);
  }
}

interface Watching {
  readonly attempts: Attempts;
  readonly observer: Observer;
  readonly deadlines: Deadlines;
}

/** Of an answer that a backend makes. */
class Watched extends Listener {
  readonly #fetching: Fetching;
  readonly #http: HttpExchange;
  readonly #deadlines: Deadlines;
  readonly #observer: Observer;
  /** The client got the head, from the backend or from us. */
  #headed = false;

  constructor(fetching: Fetching, passage: Passage, relay: Watching) {
    super(fetching.exchange, passage, relay.attempts);
    this.#fetching = fetching;
    this.#http = passage.exchange;
    this.#deadlines = relay.deadlines;
    this.#observer = relay.observer;
  }

  override onLeft(): void {
    this.#fetching.cancel("client");
  }

  override onTooLarge(): void {
    this.#fetching.cancel("too_large");
  }

  override onWait(whom: "source" | "client"): void {
    if (whom === "client") this.#deadlines.hold(this.#fetching);
    else this.#deadlines.renew(this.#fetching);
  }

  override onHead(): void {
    if (this.#headed) return;
    this.#headed = true;
    const { exchange } = this.#fetching;
    if (!exchange.ownAnswer && exchange.status > 0) this.#observer.handedOn(exchange);
  }

  override onBroken(): void {
    this.#headed = true;
    const { exchange } = this.#fetching;
    this.#observer.answeredOurselves(exchange, BACKEND_FAILED.status);
    send(BACKEND_FAILED, exchange, this.#http);
  }

  override onOver(end: PassageEnd): void {
    this.onHead();
    this.#deadlines.remove(this.#fetching);
    super.onOver(end);
  }
}
