// Where messages are put together before they are written: one buffer a worker, used within one
// synchronous stretch and then free again, so that head and small body leave in one write and
// nothing is allocated. Always holds: [0, used) is what the present message has so far.

import { CR, LF } from "./bytes.ts";
import type { Phrase } from "./phrase.ts";

const INITIAL_BYTES = 64 * 1024;
/** Up to so many bytes a loop is faster than a call of the engine, which takes some 70 ns. */
const WORTH_A_CALL = 128;
/** Numbers up to here are put together without making a string. */
const MOST_IN_BITS = 2 ** 31 - 1;

export class MessageWriter {
  bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  used = 0;
  #view = viewOf(this.bytes);

  reset(): this {
    this.used = 0;
    return this;
  }

  /** Text of one byte a character. Must not hold what the caller has not checked: CR, LF. */
  text(text: string): this {
    const { length } = text;
    this.reserve(length);
    const { bytes, used } = this;
    this.used = used + length;
    if (length > WORTH_A_CALL) bytes.write(text, used, "latin1");
    else for (let i = 0; i < length; i++) bytes[used + i] = text.charCodeAt(i);
    return this;
  }

  /** What is known beforehand; by far the fastest. */
  phrase({ length, eights }: Phrase): this {
    const { used } = this;
    this.eights(eights, 0, eights.length);
    // What fills the last of them does not count.
    this.used = used + length;
    return this;
  }

  crlf(): this {
    this.reserve(2);
    const { bytes, used } = this;
    bytes[used] = CR;
    bytes[used + 1] = LF;
    this.used = used + 2;
    return this;
  }

  /** The first `length` bytes, 0 to 8, of one of the eights. */
  part(eights: Float64Array, at: number, length: number): this {
    const { used } = this;
    this.eights(eights, at, at + 1);
    this.used = used + length;
    return this;
  }

  /** Of ASCII in eights, those of [start, end). */
  eights(eights: Float64Array, start: number, end: number): this {
    this.reserve((end - start) * 8);
    const view = this.#view;
    let at = this.used;
    for (let i = start; i < end; i++, at += 8) view.setFloat64(at, eights[i]!, true);
    this.used = at;
    return this;
  }

  /** A whole number, 0 or above, in decimal digits. */
  number(value: number): this {
    if (value > MOST_IN_BITS) return this.text(String(value));
    this.reserve(10);
    const { bytes } = this;
    let rest = value | 0;
    let at = this.used;
    for (let bound = 10; bound <= rest; bound *= 10) at++;
    this.used = at + 1;
    do {
      const tens = (rest / 10) | 0;
      bytes[at--] = 48 + rest - tens * 10;
      rest = tens;
    } while (rest > 0);
    return this;
  }

  copy(from: Buffer, start: number, end: number): this {
    const length = end - start;
    this.reserve(length);
    const { bytes, used } = this;
    this.used = used + length;
    if (length > WORTH_A_CALL) from.copy(bytes, used, start, end);
    else for (let i = 0; i < length; i++) bytes[used + i] = from[start + i]!;
    return this;
  }

  /** All of a piece. */
  add(piece: Buffer): this {
    return this.copy(piece, 0, piece.length);
  }

  /** Makes room for `more` bytes behind `used`. */
  reserve(more: number): void {
    if (this.used + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.used + more));
    this.bytes.copy(larger, 0, 0, this.used);
    this.bytes = larger;
    this.#view = viewOf(larger);
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}
