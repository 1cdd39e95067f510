// The head of one request: request line, header fields, and what follows from them for the message
// (length of its body, keep-alive, host). Belongs to one connection, which parses one head at a
// time into it; readers use it until their exchange ends. Always holds after DONE: the head is
// valid HTTP/1.0 or 1.1 with one meaning (RFC 9112 §3, §5, §6), else it was refused.

import { CR, LF, latin1, spells } from "./bytes.ts";
import {
  OPTION_CLOSE,
  OPTION_KEEP_ALIVE,
  OPTION_UPGRADE,
  connectionOptions,
} from "./connection-options.ts";
import { Field } from "./field-names.ts";
import { DONE, Fields, MORE, type Verdict } from "./fields.ts";
import { isAuthority } from "./authority.ts";
import { requestLength } from "./message-length.ts";
import { parseRequestLine, type RequestLine } from "./request-line.ts";
import { Form, targetForm, type TargetParts } from "./target.ts";

export interface HeadLimits {
  /** Bytes from the first of the request line to the end of the head: 431 beyond. */
  readonly head: number;
  /** Bytes of the request target: 414 beyond. */
  readonly target: number;
  readonly fields: number;
}
export const HEAD_LIMITS: HeadLimits = { head: 65_536, target: 16_384, fields: 256 };

const SLASH = 47;

/** How far parsing came, in this order. */
const BLANK = 0;
const LINE = 1;
const FIELDS = 2;

export class RequestHead implements RequestLine, TargetParts {
  readonly fields = new Fields();
  /** First byte of the method. */
  start = 0;
  /** Equals `start` until the method was read. */
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  /** Form.… of the target. */
  form = 0;
  /** The host the request is for, from an absolute target or `Host`; empty in HTTP/1.0 at will. */
  authorityStart = 0;
  authorityEnd = 0;
  /** Path and query as an origin has to see them. Empty for an absolute target without a path. */
  pathStart = 0;
  /** 0 or 1: HTTP/1.minor. */
  minor = 1;
  /** Bytes of the body, or CHUNKED. */
  length = 0;
  keepAlive = true;
  /** The client waits for `100 Continue` before it sends the body. */
  expectsContinue = false;
  /** Asks to leave HTTP: `Upgrade` with `Connection: upgrade`. */
  upgrade = false;
  options = 0;
  #stage = BLANK;
  /** What followed from the fields that are kept, as far as it is not written above. */
  #keptMinor = 1;
  #hostField = -1;
  #keptExpectation = false;

  /** Expects a new head at `at`. */
  reset(at: number): void {
    this.start = this.methodEnd = at;
    this.#stage = BLANK;
    this.fields.reset(at);
  }

  get bytes(): Buffer {
    return this.fields.bytes;
  }
  /** First byte behind the head, after DONE. */
  get end(): number {
    return this.fields.next;
  }
  get fault(): string {
    return this.fields.fault;
  }
  /** Whether any byte of a request has come, an empty line apart. */
  get begun(): boolean {
    return this.#stage !== BLANK;
  }

  /** Goes on with what there is up to `end`. MORE, DONE, or the status that refuses the request. */
  parse(bytes: Buffer, end: number, limits: HeadLimits): Verdict {
    this.fields.bytes = bytes;
    if (this.#stage === BLANK) {
      const verdict = this.#skipEmptyLine(bytes, end);
      if (verdict !== DONE) return verdict;
    }
    const stop = Math.min(end, this.start + limits.head);
    let verdict: Verdict = DONE;
    if (this.#stage === LINE) {
      verdict = parseRequestLine(this.fields, stop, limits.target, this);
      if (verdict === DONE) this.#stage = FIELDS;
    }
    if (verdict === DONE) verdict = this.fields.parse(bytes, stop, limits.fields);
    if (verdict === DONE) return this.#conclude();
    if (verdict !== MORE || stop === end) return verdict;
    return this.fields.refuse(431, `a request head above ${limits.head} bytes`);
  }

  /** The bytes moved to another buffer, `delta` further. */
  rebase(bytes: Buffer, delta: number): void {
    this.start += delta;
    this.methodEnd += delta;
    this.targetStart += delta;
    this.targetEnd += delta;
    this.authorityStart += delta;
    this.authorityEnd += delta;
    this.pathStart += delta;
    this.fields.rebase(bytes, delta);
  }

  /** One empty line before a request is tolerated (RFC 9112 §2.2), no more. */
  #skipEmptyLine(bytes: Buffer, end: number): Verdict {
    let at = this.start;
    if (at >= end) return MORE;
    if (bytes[at] === CR) {
      if (at + 1 >= end) return MORE;
      if (bytes[at + 1] !== LF) return this.fields.refuse(400, "a CR without LF");
      at += 2;
      if (at >= end) return MORE;
    }
    this.start = this.methodEnd = at;
    this.fields.next = at;
    this.#stage = LINE;
    return DONE;
  }

  #conclude(): Verdict {
    const { fields } = this;
    if (fields.repeated && this.minor === this.#keptMinor) return this.#concludeAgain();
    const verdict = this.#concludeAnew();
    if (verdict !== DONE) return verdict;
    fields.keep();
    this.#keptMinor = this.minor;
    this.#keptExpectation = this.expectsContinue;
    return DONE;
  }

  /** What follows from the fields is what followed before. */
  #concludeAgain(): Verdict {
    this.#authority(this.#hostField);
    this.expectsContinue = this.#keptExpectation;
    return targetForm(this.fields, this);
  }

  #concludeAnew(): Verdict {
    const { fields } = this;
    let verdict = this.#host();
    if (verdict === DONE) verdict = targetForm(fields, this);
    if (verdict === DONE) verdict = requestLength(fields, this.minor, this);
    if (verdict === DONE) verdict = this.#expectation();
    if (verdict !== DONE) return verdict;
    this.keepAlive = this.minor === 1;
    this.upgrade = false;
    if (!fields.has(Field.CONNECTION)) return DONE;
    verdict = connectionOptions(fields, this);
    if ((this.options & OPTION_CLOSE) !== 0) this.keepAlive = false;
    else if ((this.options & OPTION_KEEP_ALIVE) !== 0) this.keepAlive = true;
    this.upgrade =
      this.minor === 1 && (this.options & OPTION_UPGRADE) !== 0 && fields.has(Field.UPGRADE);
    return verdict;
  }

  /** RFC 9112 §3.2: exactly one valid `Host` in HTTP/1.1, at most one in HTTP/1.0. */
  #host(): Verdict {
    const fields = this.fields;
    const field = fields.find(Field.HOST);
    this.#hostField = field;
    this.#authority(field);
    if (field < 0) return this.minor === 0 ? DONE : fields.refuse(400, "no Host");
    if (fields.find(Field.HOST, field + 1) >= 0) return fields.refuse(400, "more than one Host");
    return isAuthority(fields.bytes, this.authorityStart, this.authorityEnd)
      ? DONE
      : fields.refuse(400, "a Host that is not a host with an optional port");
  }

  #authority(field: number): void {
    const { fields, start } = this;
    this.authorityStart = field < 0 ? start : fields.valueStart(field);
    this.authorityEnd = field < 0 ? start : fields.valueEnd(field);
  }

  #expectation(): Verdict {
    const fields = this.fields;
    const field = fields.find(Field.EXPECT);
    this.expectsContinue = false;
    if (field < 0 || this.minor === 0) return DONE;
    const known =
      fields.find(Field.EXPECT, field + 1) < 0 &&
      spells(fields.bytes, fields.valueStart(field), fields.valueEnd(field), "100-continue");
    if (!known) return fields.refuse(417, "an expectation other than 100-continue");
    this.expectsContinue = this.length !== 0;
    return DONE;
  }

  /** The method as text. Methods are case-sensitive. */
  get method(): string {
    return methodName(this.bytes, this.start, this.methodEnd);
  }
  isMethod(name: string): boolean {
    if (this.methodEnd - this.start !== name.length) return false;
    for (let i = 0; i < name.length; i++) {
      if (this.bytes[this.start + i] !== name.charCodeAt(i)) return false;
    }
    return true;
  }
  /** Path and query for an origin, or `*`, or CONNECT's authority; one character a byte. */
  get target(): string {
    const text = latin1(this.bytes, this.pathStart, this.targetEnd);
    if (this.form !== Form.ABSOLUTE || text.startsWith("/")) return text;
    // RFC 9112 §3.2.4: OPTIONS on a whole server; otherwise an empty path is `/` (§3.2.1).
    return text === "" && this.isMethod("OPTIONS") ? "*" : `/${text}`;
  }
  /** The bytes from `pathStart` to `targetEnd` are the target for an origin as they are. */
  get plainTarget(): boolean {
    return this.form !== Form.ABSOLUTE || this.bytes[this.pathStart] === SLASH;
  }
  get host(): string {
    return latin1(this.bytes, this.authorityStart, this.authorityEnd);
  }
}

/** The commonest methods without making a string. */
function methodName(bytes: Buffer, start: number, end: number): string {
  if (
    end - start === 3 &&
    bytes[start] === 71 &&
    bytes[start + 1] === 69 &&
    bytes[end - 1] === 84
  ) {
    return "GET";
  }
  return latin1(bytes, start, end);
}
