// The header fields of one message, as offsets into its bytes: nothing is copied or made a string
// until somebody asks. Written by `parse`, which goes on where it stopped when more bytes came;
// always holds: every recorded field is complete, its name a token, its value free of controls.
// Whoever keeps a connection mostly sends the same fields with each message: those of the last one
// are kept, and what is the same byte for byte is not parsed again.

import { COLON, CR, HTAB, LF, SP, TOKEN, VALUE, begins, latin1, spells } from "./bytes.ts";
import { fieldId, type FieldId } from "./field-names.ts";

/** What a parser answers: MORE bytes are needed, DONE, or the status that refuses the message. */
export const MORE = 0;
export const DONE = 1;
export type Verdict = number;

/** Numbers recorded for each field: start and end of its name, start and end of its value. */
const STRIDE = 4;
const INITIAL_FIELDS = 16;
/** Bytes: fields that take more are not kept. */
const KEPT_BYTES = 2048;
/** After so many messages in a row with other fields each, those of one in `SELDOM` are kept. */
const MOST_OTHERS = 8;
const SELDOM = 16;
const NOTHING = Buffer.alloc(0);

export class Fields {
  bytes: Buffer = Buffer.alloc(0);
  count = 0;
  /** Bit `id` is set when a field of that id is present. */
  seen = 0;
  /** Where the next line starts; after DONE, the first byte behind the empty line. */
  next = 0;
  /** Why the message was refused, for people. */
  fault = "";
  /** They are those that were kept, and what was recorded about them is still true. */
  repeated = false;
  /** How often other ones were kept. */
  version = 0;
  /** The kept ones with the empty line, [0, `#keptLength`); 0: there are none. */
  #kept: Buffer = NOTHING;
  #keptLength = 0;
  /** Where the recorded offsets have their beginning. */
  #keptAt = 0;
  #keptCount = 0;
  #keptSeen = 0;
  /** Messages in a row whose fields were not the kept ones. */
  #others = 0;
  #at = new Int32Array(INITIAL_FIELDS * STRIDE);
  #ids = new Uint8Array(INITIAL_FIELDS);

  reset(next: number): void {
    this.count = 0;
    this.seen = 0;
    this.next = next;
    this.repeated = false;
  }

  /** After DONE: the next message's are compared with these. */
  keep(): void {
    const { bytes, count, next } = this;
    const start = count === 0 ? next : this.nameStart(0);
    const length = next - start;
    this.version++;
    this.#keptLength = 0;
    this.#others++;
    if (this.#others > MOST_OTHERS && this.#others % SELDOM !== 0) return;
    if (length === 0 || length > KEPT_BYTES) return;
    if (length > this.#kept.length) this.#kept = Buffer.allocUnsafeSlow(length);
    bytes.copy(this.#kept, 0, start, next);
    this.#keptLength = length;
    this.#keptAt = start;
    this.#keptCount = count;
    this.#keptSeen = this.seen;
  }

  /** Whether the kept ones come again. If not, they are forgotten: what comes is recorded over them. */
  #repeats(bytes: Buffer, stop: number): boolean {
    const start = this.next;
    const length = this.#keptLength;
    if (start + length > stop || !begins(bytes, start, this.#kept, length)) {
      this.#keptLength = 0;
      return false;
    }
    if (start !== this.#keptAt) this.#move(start - this.#keptAt, this.#keptCount);
    this.#keptAt = start;
    this.count = this.#keptCount;
    this.seen = this.#keptSeen;
    this.next = start + length;
    this.#others = 0;
    return (this.repeated = true);
  }

  /**
   * Reads lines from `next` up to `stop`, at most `maximum` fields. Whether `stop` is the end of
   * the bytes so far or a limit is the caller's to know when the answer is MORE.
   */
  parse(bytes: Buffer, stop: number, maximum: number): Verdict {
    this.bytes = bytes;
    if (this.#keptLength > 0 && this.count === 0 && this.#repeats(bytes, stop)) return DONE;
    for (let line = this.next; ; line = this.next) {
      if (line >= stop) return MORE;
      if (bytes[line] === CR) {
        if (line + 1 >= stop) return MORE;
        if (bytes[line + 1] !== LF) return this.refuse(400, "a CR without LF");
        this.next = line + 2;
        return DONE;
      }
      const verdict = this.#line(bytes, line, stop, maximum);
      if (verdict !== DONE) return verdict;
    }
  }

  #line(bytes: Buffer, line: number, stop: number, maximum: number): Verdict {
    let at = line;
    while (at < stop && TOKEN[bytes[at]!] === 1) at++;
    if (at >= stop) return MORE;
    const nameEnd = at;
    if (bytes[at] !== COLON || at === line) return this.refuse(400, nameFault(bytes, line, at));
    if (this.count >= maximum) return this.refuse(431, `more than ${maximum} header fields`);
    for (at++; at < stop && (bytes[at] === SP || bytes[at] === HTAB);) at++;
    const valueStart = at;
    while (at < stop && VALUE[bytes[at]!] === 1) at++;
    if (at >= stop || (bytes[at] === CR && at + 1 >= stop)) return MORE;
    if (bytes[at] !== CR || bytes[at + 1] !== LF) {
      return this.refuse(400, "a control character in a header field's value");
    }
    this.next = at + 2;
    while (at > valueStart && (bytes[at - 1] === SP || bytes[at - 1] === HTAB)) at--;
    this.#record(line, nameEnd, valueStart, at);
    return DONE;
  }

  #record(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    const field = this.count++;
    if (field === this.#ids.length) this.#grow();
    const id = fieldId(this.bytes, nameStart, nameEnd);
    const at = field * STRIDE;
    const offsets = this.#at;
    offsets[at] = nameStart;
    offsets[at + 1] = nameEnd;
    offsets[at + 2] = valueStart;
    offsets[at + 3] = valueEnd;
    this.#ids[field] = id;
    this.seen |= 1 << id;
  }

  #grow(): void {
    const at = new Int32Array(this.#at.length * 2);
    at.set(this.#at);
    this.#at = at;
    const ids = new Uint8Array(this.#ids.length * 2);
    ids.set(this.#ids);
    this.#ids = ids;
  }

  /** The recorded bytes moved to another buffer, `delta` bytes further (or back). */
  rebase(bytes: Buffer, delta: number): void {
    this.bytes = bytes;
    this.next += delta;
    this.#move(delta, this.count);
  }

  #move(delta: number, count: number): void {
    for (let at = 0; at < count * STRIDE; at++) this.#at[at]! += delta;
  }

  refuse(status: number, fault: string): Verdict {
    this.fault = fault;
    return status;
  }

  id(field: number): FieldId {
    return this.#ids[field] as FieldId;
  }
  /** Takes a field out of its meaning, e.g. because `Connection` names it. */
  setId(field: number, id: FieldId): void {
    const before = this.id(field);
    this.#ids[field] = id;
    this.seen |= 1 << id;
    if (this.find(before) < 0) this.seen &= ~(1 << before);
  }
  nameStart(field: number): number {
    return this.#at[field * STRIDE]!;
  }
  nameEnd(field: number): number {
    return this.#at[field * STRIDE + 1]!;
  }
  valueStart(field: number): number {
    return this.#at[field * STRIDE + 2]!;
  }
  valueEnd(field: number): number {
    return this.#at[field * STRIDE + 3]!;
  }

  has(id: FieldId): boolean {
    return (this.seen & (1 << id)) !== 0;
  }
  /** The first field of that id from `from` on; -1 when there is none. */
  find(id: FieldId, from = 0): number {
    if (!this.has(id)) return -1;
    for (let field = from; field < this.count; field++) if (this.#ids[field] === id) return field;
    return -1;
  }
  /** The value as text, one character a byte. */
  value(field: number): string {
    return latin1(this.bytes, this.valueStart(field), this.valueEnd(field));
  }
  name(field: number): string {
    return latin1(this.bytes, this.nameStart(field), this.nameEnd(field));
  }
  /** All values under a name, joined as RFC 9110 §5.3 says; null when absent. Off the hot path. */
  get(lowerName: string): string | null {
    let all: string | null = null;
    for (let field = 0; field < this.count; field++) {
      if (!spells(this.bytes, this.nameStart(field), this.nameEnd(field), lowerName)) continue;
      all = all === null ? this.value(field) : `${all}, ${this.value(field)}`;
    }
    return all;
  }
}

function nameFault(bytes: Buffer, start: number, at: number): string {
  const byte = bytes[at]!;
  if (at === start && (byte === SP || byte === HTAB)) return "a folded header line";
  if (byte === SP || byte === HTAB) return "whitespace before the colon of a header field";
  return "a header field's name is not a token";
}
