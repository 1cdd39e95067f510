// The transport over `fetch`: tries backends until one answers or trying another is not safe, and
// hands the answer on. It sees to an exchange from its first try to its end by itself; whoever routed
// it here is told only that it was taken.

import type { Config } from "../../config.ts";
import type { Clock } from "../../shared/clock.ts";
import { fieldsOf, type Passage, type PassageEnd, type PassageListener } from "../http1/passage.ts";
import type { MessageWriter } from "../http1/message-writer.ts";
import type { Attempts } from "./attempts.ts";
import { Deadlines, READS } from "./deadlines.ts";
import type { Exchange } from "./exchange.ts";
import { accepts, begin, errorOf, failureOf, Fetching, finish, type Forward } from "./forward.ts";
import { answerDrops, answerLines, RequestHeaders } from "./headers.ts";
import type { Observer } from "./observe.ts";
import type { Failure } from "./pick.ts";
import { GATEWAY_FAILED } from "../http1/whole-answer.ts";
import { BACKEND_FAILED, bodyTooLarge, type OwnAnswer, send } from "./responses.ts";
import { type Epochs, Sessions } from "./sessions.ts";

/**
 * ns: where a backend may be silent for less, no answer is waited for as a whole, as one that keeps
 * coming may well take longer in all. In pieces it costs up to a tenth more.
 */
const LEAST_FOR_WHOLE = 30e9;

export interface FetchRelayOptions {
  readonly config: Pick<Config, "maxBody" | "timeouts">;
  readonly backends: Epochs;
  readonly attempts: Attempts;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly onError: (error: unknown) => void;
}

export class FetchRelay {
  readonly #attempts: Attempts;
  readonly #forward: Forward;
  readonly #headers = new RequestHeaders();
  readonly #maxBody: number;
  readonly #observer: Observer;
  readonly #onError: (error: unknown) => void;

  constructor({ config, backends, attempts, clock, observer, onError }: FetchRelayOptions) {
    const { maxBody, timeouts } = config;
    this.#forward = {
      deadlines: new Deadlines(clock),
      headLimit: timeouts.requestMs * 1e6,
      silenceLimit: (timeouts.streamIdleMs || Infinity) * 1e6,
      sessions: new Sessions(backends),
      controllers: [],
    };
    this.#maxBody = maxBody === 0 ? Infinity : maxBody;
    this.#attempts = attempts;
    this.#observer = observer;
    this.#onError = onError;
  }

  /** The exchange has a backend to try first. Settles when it is over. */
  async send(exchange: Exchange, passage: Passage): Promise<void> {
    const { deadlines } = this.#forward;
    const carried = new Carried(exchange, passage, this, deadlines, this.#observer);
    let end: PassageEnd = "whole";
    try {
      passage.listener = carried;
      passage.maxBody = this.#maxBody;
      if (this.#forward.silenceLimit < LEAST_FOR_WHOLE) passage.mostWhole = 0;
      carried.headers = this.#headers.of(exchange, passage.exchange.head);
      for (;;) {
        let response: Response | null = null;
        let failure: Failure | null = carried.cancelled;
        let error = UNFIT;
        try {
          if (failure === null) response = await begin(carried, this.#forward);
        } catch (thrown) {
          failure = failureOf(thrown, carried, this.#forward);
          error = errorOf(thrown, carried);
        }
        const handed = response === null ? null : this.#handOn(carried, response);
        if (handed !== null) {
          end = typeof handed === "string" ? handed : await handed;
          break;
        }
        failure ??= "malformed";
        const answer = this.#attempts.next(exchange, failure, !carried.bodyTouched, error);
        if (answer !== null) {
          carried.answer(answer);
          break;
        }
      }
    } catch (error) {
      this.#onError(error);
      carried.fail();
    }
    this.over(carried, end);
  }

  /** The first call counts. */
  over(carried: Carried, end: PassageEnd): void {
    const { exchange } = carried;
    if (exchange.ended) return;
    finish(carried, end, this.#forward);
    carried.conclude(end);
    if (end === "broken" && !carried.tooLarge) {
      this.#attempts.broke(exchange, carried.cancelled === null ? BROKEN_OFF : SILENT);
    }
    this.#attempts.over(exchange);
  }

  /** Null: it cannot be. */
  #handOn(carried: Carried, response: Response): PassageEnd | Promise<PassageEnd> | null {
    const fields = fieldsOf(response);
    if (!accepts(response, fields, carried, this.#forward)) return null;
    this.#attempts.answered(carried.exchange, response.status);
    return carried.passage.relay(response, fields, answerDrops(fields));
  }
}

/** For the log, where nothing was thrown that says it. */
const UNFIT = "a status or framing that cannot be handed on";
const BROKEN_OFF = "the answer broke off";
const SILENT = "no more of the answer in time";

/** One exchange on its way. */
class Carried extends Fetching implements PassageListener {
  readonly #relay: FetchRelay;
  readonly #deadlines: Deadlines;
  readonly #observer: Observer;
  #left = false;
  /** The client got the head, from the backend or from us. */
  #headed = false;

  constructor(
    exchange: Exchange,
    passage: Passage,
    relay: FetchRelay,
    deadlines: Deadlines,
    observer: Observer,
  ) {
    super(exchange, passage);
    this.#relay = relay;
    this.#deadlines = deadlines;
    this.#observer = observer;
  }

  onComplete(): void {
    // Of an own answer it is not known yet whether it stands for one that broke off.
    if (!this.exchange.ownAnswer) this.#relay.over(this, "whole");
  }

  onLeft(): void {
    this.#left = true;
    this.cancel("client");
  }

  /** Broken off because the request's body is: that says nothing about the backend. */
  get tooLarge(): boolean {
    return this.cancelled === "too_large";
  }

  onTooLarge(): void {
    this.cancel("too_large");
  }

  onWait(whom: "source" | "client"): void {
    if (whom === "client") this.#deadlines.hold(this, READS);
    else this.#deadlines.release(this, READS);
  }

  onHead(writer: MessageWriter): void {
    answerLines(writer, this.exchange);
    this.#handedOn();
  }

  onBroken(): void {
    this.#say(this.tooLarge ? bodyTooLarge(this.passage.maxBody) : BACKEND_FAILED);
  }

  /** Instead of a backend. */
  answer(answer: OwnAnswer): void {
    const { refusal } = this.passage.exchange;
    if (refusal === 0) return this.#say(answer);
    // The rest of the request was refused, and the client has its answer.
    this.exchange.brokenBy = null;
    this.#headed = true;
    this.#observer.answeredOurselves(this.exchange, refusal);
  }

  /** A bug. */
  fail(): void {
    const { exchange } = this.passage;
    if (exchange.over) return;
    if (exchange.status === 0) this.#say(GATEWAY_FAILED);
    else exchange.abort();
  }

  #say(answer: OwnAnswer): void {
    this.#headed = true;
    this.#observer.answeredOurselves(this.exchange, answer.status);
    send(answer, this.exchange, this.passage.exchange);
  }

  conclude(end: PassageEnd): void {
    const { exchange } = this;
    const { bodyBytes, refusal } = this.passage.exchange;
    this.#handedOn();
    if (exchange.bytes !== null) exchange.bytes = bodyBytes;
    const cut = end === "broken" && this.tooLarge && !exchange.ownAnswer;
    if (cut || ((this.#left || end === "left") && refusal === 0)) exchange.brokenBy = "client";
  }

  #handedOn(): void {
    if (this.#headed) return;
    this.#headed = true;
    const { exchange } = this;
    if (!exchange.ownAnswer && exchange.status > 0) this.#observer.handedOn(exchange);
  }
}
