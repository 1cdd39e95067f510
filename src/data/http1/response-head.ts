// The head of one answer: status line, header fields, and what follows from them (length of the body,
// whether the connection can be used again). Belongs to one backend connection. As strict as the
// request's: an answer that two parsers could read differently is not relayed (RFC 9112 §4, §6).

import { CR, DIGITS, HTAB, LF, SP, VALUE, byteSet, byteSets } from "./bytes.ts";
import {
  OPTION_CLOSE,
  OPTION_KEEP_ALIVE,
  OPTION_UPGRADE,
  connectionOptions,
} from "./connection-options.ts";
import { Field } from "./field-names.ts";
import { DONE, Fields, MORE, type Verdict } from "./fields.ts";
import { UNTIL_CLOSE, responseLength } from "./message-length.ts";

export interface ResponseLimits {
  /** Bytes of the whole head. */
  readonly head: number;
  readonly fields: number;
}
export const RESPONSE_LIMITS: ResponseLimits = { head: 65_536, fields: 1024 };

/** The verdict on an answer that cannot be relayed. */
export const MALFORMED = 502;

/** What each byte of `HTTP/1.` and so on may be. */
const PREFIX = byteSets("H", "T", "T", "P", "/", "1", ".", "01", " ");
const DIGIT = byteSet(DIGITS);

export class ResponseHead {
  readonly fields = new Fields();
  start = 0;
  status = 0;
  reasonStart = 0;
  reasonEnd = 0;
  /** 0 or 1: HTTP/1.minor. */
  minor = 1;
  /** Bytes of the body, or CHUNKED, UNTIL_CLOSE. */
  length = 0;
  /** The connection may carry another request once the body is complete. */
  keepAlive = true;
  /** Status 101 with what belongs to it: the connection leaves HTTP. */
  upgrade = false;
  options = 0;
  #lineDone = false;
  /** What `length`, `keepAlive` and `options` followed from, the kept fields apart. */
  #keptMinor = 1;
  #keptBodiless = false;

  reset(at: number): void {
    this.start = at;
    this.#lineDone = false;
    this.fields.reset(at);
  }

  get bytes(): Buffer {
    return this.fields.bytes;
  }
  get end(): number {
    return this.fields.next;
  }
  get fault(): string {
    return this.fields.fault;
  }
  get interim(): boolean {
    return this.status < 200 && this.status !== 101;
  }

  /** `toHead`: the answer is to a HEAD request. MORE, DONE or MALFORMED. */
  parse(bytes: Buffer, end: number, toHead: boolean, limits: ResponseLimits): Verdict {
    this.fields.bytes = bytes;
    const stop = Math.min(end, this.start + limits.head);
    let verdict: Verdict = DONE;
    if (!this.#lineDone) verdict = this.#parseLine(bytes, stop);
    if (verdict === DONE) verdict = this.fields.parse(bytes, stop, limits.fields);
    if (verdict === DONE) verdict = this.#conclude(toHead);
    if (verdict === DONE || (verdict === MORE && stop === end)) return verdict;
    if (verdict === MORE) this.fields.fault = `an answer's head above ${limits.head} bytes`;
    return MALFORMED;
  }

  rebase(bytes: Buffer, delta: number): void {
    this.start += delta;
    this.reasonStart += delta;
    this.reasonEnd += delta;
    this.fields.rebase(bytes, delta);
  }

  #parseLine(bytes: Buffer, stop: number): Verdict {
    let at = this.start;
    for (const allowed of PREFIX) {
      if (at >= stop) return MORE;
      if (allowed[bytes[at++]!] === 0) return this.fields.refuse(MALFORMED, "no HTTP/1 answer");
    }
    this.minor = bytes[at - 2]! - 48;
    for (const digit = at; at < digit + 3; at++) {
      if (at >= stop) return MORE;
      if (DIGIT[bytes[at]!] === 0) return this.fields.refuse(MALFORMED, "no three-digit status");
    }
    this.status = (bytes[at - 3]! - 48) * 100 + (bytes[at - 2]! - 48) * 10 + bytes[at - 1]! - 48;
    if (this.status < 100) return this.fields.refuse(MALFORMED, "a status below 100");
    return this.#parseReason(bytes, at, stop);
  }

  /** ` reason` CRLF. Many servers leave out the space of an empty reason: tolerated. */
  #parseReason(bytes: Buffer, start: number, stop: number): Verdict {
    let at = start;
    if (at >= stop) return MORE;
    if (bytes[at] === SP) at++;
    else if (bytes[at] !== CR) return this.fields.refuse(MALFORMED, "no three-digit status");
    this.reasonStart = at;
    while (at < stop && VALUE[bytes[at]!] === 1) at++;
    if (at >= stop || (bytes[at] === CR && at + 1 >= stop)) return MORE;
    if (bytes[at] !== CR || bytes[at + 1] !== LF) {
      return this.fields.refuse(MALFORMED, "a control character in the reason");
    }
    this.fields.next = at + 2;
    while (at > this.reasonStart && (bytes[at - 1] === SP || bytes[at - 1] === HTAB)) at--;
    this.reasonEnd = at;
    this.#lineDone = true;
    return DONE;
  }

  #conclude(toHead: boolean): Verdict {
    const { fields, minor, status } = this;
    const bodiless = toHead || status < 200 || status === 204 || status === 304;
    const again = fields.repeated && minor === this.#keptMinor && bodiless === this.#keptBodiless;
    if (!again) {
      const verdict = this.#frame(bodiless);
      if (verdict !== DONE) return verdict;
      fields.keep();
      this.#keptMinor = minor;
      this.#keptBodiless = bodiless;
    }
    this.upgrade =
      status === 101 && (this.options & OPTION_UPGRADE) !== 0 && fields.has(Field.UPGRADE);
    return DONE;
  }

  /** Where the message ends, and whether another may follow it. */
  #frame(bodiless: boolean): Verdict {
    const { fields } = this;
    this.options = 0;
    let verdict = responseLength(fields, this.minor, bodiless, this);
    if (verdict === DONE && fields.has(Field.CONNECTION)) verdict = connectionOptions(fields, this);
    const asked = this.options & (OPTION_CLOSE | OPTION_KEEP_ALIVE);
    this.keepAlive =
      this.length !== UNTIL_CLOSE &&
      (this.minor === 1 ? (asked & OPTION_CLOSE) === 0 : asked === OPTION_KEEP_ALIVE);
    return verdict;
  }
}
