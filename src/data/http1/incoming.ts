// Bytes that came and were not taken yet: [from, to) of `bytes`. A piece that is taken at once is never
// copied; pieces that have to wait are collected in a buffer with room for more. Always holds: bytes
// once handed out are not changed, so whoever got a range of them may keep it.

import type { RawListener } from "./raw-end.ts";

const NOTHING = Buffer.alloc(0);
const LEAST_BYTES = 4096;

export class Incoming {
  bytes: Buffer = NOTHING;
  from = 0;
  to = 0;

  get size(): number {
    return this.to - this.from;
  }

  clear(): void {
    this.bytes = NOTHING;
    this.from = this.to = 0;
  }

  /** Hands out what waits, as what it is when the connection leaves HTTP. */
  handRest(listener: RawListener): void {
    const { bytes, from, to } = this;
    this.clear();
    if (from < to) listener.onRaw(bytes, from, to);
  }

  /** Adds a piece, [0, length) of `piece`. What waits moves by the result: 0 where it stayed. */
  add(piece: Buffer, length: number): number {
    if (this.from === this.to) {
      this.bytes = piece;
      this.from = 0;
      this.to = length;
      return 0;
    }
    const moved = this.to + length > this.bytes.length ? this.#move(length) : 0;
    this.to += piece.copy(this.bytes, this.to, 0, length);
    return moved;
  }

  #move(more: number): number {
    const { bytes, from, size } = this;
    const larger = Buffer.allocUnsafeSlow(Math.max(LEAST_BYTES, 2 * (size + more)));
    bytes.copy(larger, 0, from, this.to);
    this.bytes = larger;
    this.from = 0;
    this.to = size;
    return -from;
  }
}
