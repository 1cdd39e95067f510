// The transport over `fetch`: tries backends until one answers or trying another is not safe, and
// hands the answer on. The exchange ends when the adapter has written the last of it to the client.

import type { Config } from "../../config.ts";
import type { Clock } from "../../shared/clock.ts";
import type { Exchange as HttpExchange } from "../http1/exchange.ts";
import {
  ANSWERED,
  type Passage,
  type PassageEnd,
  type PassageListener,
} from "../http1/fetch-adapter.ts";
import type { MessageWriter } from "../http1/message-writer.ts";
import type { Attempts } from "./attempts.ts";
import { Deadlines } from "./deadlines.ts";
import type { Exchange } from "./exchange.ts";
import { Fetching, type Forward, tryBackend } from "./forward.ts";
import { ANSWER_DROPS, answerLines, dropNamed, requestHeaders } from "./headers.ts";
import type { Observer } from "./observe.ts";
import { BACKEND_FAILED, send } from "./responses.ts";
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
  async send(exchange: Exchange, passage: Passage): Promise<Response> {
    const fetching = new Fetching(exchange, passage);
    passage.listener = new Listener(fetching, passage.exchange, this.#watching);
    passage.maxBody = this.#maxBody;
    fetching.headers = requestHeaders(exchange, passage.exchange.head);
    for (;;) {
      const outcome = await tryBackend(fetching, this.#forward);
      if (typeof outcome !== "string") {
        this.attempts.answered(exchange, outcome.status);
        dropNamed(outcome.headers);
        return outcome;
      }
      const answer = this.attempts.next(exchange, outcome, !fetching.bodyTouched);
      if (answer === null) continue;
      const { refusal } = passage.exchange;
      if (refusal === 0) {
        this.#observer.answeredOurselves(exchange, answer.status);
        send(answer, exchange, passage.exchange);
      } else {
        // The rest of the request was refused, and the client has its answer.
        exchange.brokenBy = null;
        this.#observer.answeredOurselves(exchange, refusal);
      }
      return ANSWERED;
    }
  }
}

interface Watching {
  readonly attempts: Attempts;
  readonly observer: Observer;
  readonly deadlines: Deadlines;
}

/** Of the answer to a request that went to a backend. */
class Listener implements PassageListener {
  readonly answerDrops = ANSWER_DROPS;
  readonly #fetching: Fetching;
  readonly #http: HttpExchange;
  readonly #relay: Watching;
  /** The client got the head, from the backend or from us. */
  #headed = false;

  constructor(fetching: Fetching, http: HttpExchange, relay: Watching) {
    this.#fetching = fetching;
    this.#http = http;
    this.#relay = relay;
  }

  onLeft(): void {
    this.#fetching.cancel("client");
  }

  onTooLarge(): void {
    this.#fetching.cancel("too_large");
  }

  onWait(whom: "source" | "client"): void {
    if (whom === "client") this.#relay.deadlines.hold(this.#fetching);
    else this.#relay.deadlines.renew(this.#fetching);
  }

  onHead(writer: MessageWriter): void {
    answerLines(writer, this.#fetching.exchange);
    this.#handedOn();
  }

  onBroken(): void {
    this.#headed = true;
    const { exchange } = this.#fetching;
    this.#relay.observer.answeredOurselves(exchange, BACKEND_FAILED.status);
    send(BACKEND_FAILED, exchange, this.#http);
  }

  onOver(end: PassageEnd): void {
    this.#handedOn();
    const { exchange } = this.#fetching;
    const { attempts, deadlines } = this.#relay;
    deadlines.remove(this.#fetching);
    if (exchange.bytes !== null) exchange.bytes = this.#http.bodyBytes;
    if (end === "left" && this.#http.refusal === 0) exchange.brokenBy = "client";
    if (end === "broken") attempts.broke(exchange);
    attempts.over(exchange);
  }

  #handedOn(): void {
    if (this.#headed) return;
    this.#headed = true;
    const { exchange } = this.#fetching;
    if (!exchange.ownAnswer && exchange.status > 0) this.#relay.observer.handedOn(exchange);
  }
}
