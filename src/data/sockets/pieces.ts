// The memory that sockets are read into, used again and again: small pieces for the heads of requests,
// medium ones for those with short bodies, large ones for what comes in bulk. One store a thread.
// Always holds: a piece is in here once, or somebody has it; who gives one back is the last to know it.

/** A request's head fits, nearly always. */
export const SMALL_BYTES = 2048;
/** A form or a document, with the head before it. */
export const MEDIUM_BYTES = 16_384;
/** Measured: 10 MB in pieces of 64 KB cost half as much again. */
export const BULK_BYTES = 524_288;

const SMALL_STRIDE = SMALL_BYTES + 64;
const SMALL_AT_ONCE = 32;

/** Pieces kept: 4, 4 and 8 MB at the most. */
const MOST_SMALL = 2048;
const MOST_MEDIUM = 256;
const MOST_BULK = 16;

/** The size of the smallest pieces that so many bytes fit in; of the largest, if none. */
export function sizeFor(bytes: number): number {
  if (bytes <= SMALL_BYTES) return SMALL_BYTES;
  return bytes <= MEDIUM_BYTES ? MEDIUM_BYTES : BULK_BYTES;
}

class Pieces {
  readonly #small: Buffer[] = [];
  readonly #medium: Buffer[] = [];
  readonly #bulk: Buffer[] = [];

  /** One of that size, which is one of the three. */
  take(size: number): Buffer {
    if (size === SMALL_BYTES) {
      if (this.#small.length === 0) this.#makeSmall();
      return this.#small.pop()!;
    }
    const kept = size === MEDIUM_BYTES ? this.#medium : this.#bulk;
    return kept.pop() ?? Buffer.allocUnsafeSlow(size);
  }

  /**
   * Many at once, a cache line further apart than they are long: at the same place of a page each,
   * their first lines would drive each other out of the processor's first cache.
   */
  #makeSmall(): void {
    const slab = new ArrayBuffer(SMALL_AT_ONCE * SMALL_STRIDE);
    for (let i = 0; i < SMALL_AT_ONCE; i++) {
      this.#small.push(Buffer.from(slab, i * SMALL_STRIDE, SMALL_BYTES));
    }
  }

  /** False: it is none of these, or there are enough of them. */
  giveBack(bytes: Buffer): boolean {
    const { length } = bytes;
    if (length === SMALL_BYTES) return put(bytes, this.#small, MOST_SMALL);
    if (length === MEDIUM_BYTES) return put(bytes, this.#medium, MOST_MEDIUM);
    return length === BULK_BYTES && put(bytes, this.#bulk, MOST_BULK);
  }
}

function put(bytes: Buffer, kept: Buffer[], most: number): boolean {
  if (kept.length >= most) return false;
  kept.push(bytes);
  return true;
}

/** Of this thread. */
export const pieces = new Pieces();
