// Where messages are put together before they are written: one buffer a worker, used within one
// synchronous stretch and then free again, so that head and small body leave in one write and
// nothing is allocated. Always holds: [0, used) is what the present message has so far.

const INITIAL_BYTES = 64 * 1024;

export class MessageWriter {
  bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  used = 0;

  reset(): this {
    this.used = 0;
    return this;
  }

  /** Text of one byte a character. Must not hold what the caller has not checked: CR, LF. */
  text(text: string): this {
    this.reserve(text.length);
    this.used += this.bytes.write(text, this.used, "latin1");
    return this;
  }

  copy(from: Buffer, start: number, end: number): this {
    this.reserve(end - start);
    this.used += from.copy(this.bytes, this.used, start, end);
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
  }
}
