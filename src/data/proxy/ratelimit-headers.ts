// The RateLimit header fields (draft-ietf-httpapi-ratelimit-headers-10, structured fields of
// RFC 9651). Whole numbers only, each rounded against the client: what is promised holds. They are
// made from numbers straight into the answer, since every answer has them.

import type { Take } from "../../shared/gcra.ts";
import type { MessageWriter } from "../http1/message-writer.ts";
import { Phrase } from "../http1/phrase.ts";

/** Name of the policy: which kind of bucket was asked. */
export type PolicyName = "client" | "anonymous";

/** What the fields say about a bucket that was asked. */
export interface RateLimit {
  /** Whole tokens of a full bucket. */
  quota: number;
  /** Seconds in which an empty bucket refills. */
  window: number;
  /** Whole tokens left. */
  remaining: number;
  /** Seconds until the bucket is full again; of a refused request, until it has a token. */
  reset: number;
}

/** Structured field integers end here (RFC 9651 §3.3.1). */
const MAX_INTEGER = 999_999_999_999_999;

export function newRateLimit(): RateLimit {
  return { quota: 0, window: 0, remaining: 0, reset: 0 };
}

/** `admitted`: whether the take got its token. */
export function fillRateLimit(fields: RateLimit, take: Take, admitted: boolean): void {
  fields.quota = Math.floor(take.limit);
  fields.window = seconds(take.window);
  fields.remaining = admitted ? Math.floor(take.remaining) : 0;
  fields.reset = admitted ? Math.min(Math.ceil(take.resetAfter), MAX_INTEGER) : retryAfter(take);
}

/** `RateLimit-Policy: "client";q=100;w=20` and `RateLimit: "client";r=49;t=11`, each with CRLF. */
export function rateLimitLines(writer: MessageWriter, name: PolicyName, fields: RateLimit): void {
  const { quota, window, remaining, reset } = fields;
  LINES[name].write(writer, quota, window);
  writer.number(remaining).phrase(RESET).number(reset).crlf();
}

/** Limits whose lines are kept, in places by their numbers; many clients share few plans. */
const PLACES = 64;

/** All before what is left, of one policy. */
class PolicyLines {
  readonly #policy: Phrase;
  readonly #state: Phrase;
  readonly #quotas = new Float64Array(PLACES).fill(-1);
  readonly #windows = new Float64Array(PLACES);
  readonly #made = Array.from({ length: PLACES }, (): Phrase | null => null);

  constructor(name: PolicyName) {
    this.#policy = new Phrase(`RateLimit-Policy: "${name}";q=`);
    this.#state = new Phrase(`\r\nRateLimit: "${name}";r=`);
  }

  write(writer: MessageWriter, quota: number, window: number): void {
    const made = this.#of(quota, window);
    if (made !== null) writer.phrase(made);
    else
      writer.phrase(this.#policy).number(quota).phrase(WINDOW).number(window).phrase(this.#state);
  }

  /** Made for a limit that comes twice in a row at its place; null: it has to be put together. */
  #of(quota: number, window: number): Phrase | null {
    const at = (quota ^ (window * 7)) & (PLACES - 1);
    if (this.#quotas[at] !== quota || this.#windows[at] !== window) {
      this.#quotas[at] = quota;
      this.#windows[at] = window;
      this.#made[at] = null;
      return null;
    }
    const { text } = this.#policy;
    return (this.#made[at] ??= new Phrase(
      `${text}${quota}${WINDOW.text}${window}${this.#state.text}`,
    ));
  }
}

const LINES = { client: new PolicyLines("client"), anonymous: new PolicyLines("anonymous") };
const WINDOW = new Phrase(";w=");
const RESET = new Phrase(";t=");

/** Retry-After in seconds (RFC 9110 §10.2.3): rounded up, at least 1. */
export function retryAfter(take: Take): number {
  return seconds(take.retryAfter);
}

function seconds(value: number): number {
  return Math.min(Math.max(1, Math.ceil(value)), MAX_INTEGER);
}
