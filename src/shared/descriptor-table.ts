// Descriptors of the sockets that workers move by themselves, so that they can be closed for a worker
// that died: Bun knows nothing of them. One SharedArrayBuffer with a row for each worker, which alone
// writes it while it lives; then the main thread empties it.
// A row: a bit for each descriptor, in int32.

const BITS = 32;
/** Descriptors from here on find no place. */
export const MOST_DESCRIPTORS = 2 ** 20;
const ROW = MOST_DESCRIPTORS / BITS;

export interface DescriptorTableMemory {
  readonly buffer: SharedArrayBuffer;
}

export class DescriptorTable {
  readonly #words: Int32Array;

  static reserve({ workers }: { workers: number }): DescriptorTableMemory {
    return { buffer: new SharedArrayBuffer(workers * ROW * 4) };
  }

  /** `worker`: whose row. */
  constructor(memory: DescriptorTableMemory, worker: number) {
    this.#words = new Int32Array(memory.buffer, worker * ROW * 4, ROW);
  }

  /** To be called once it is open. False: there is no place for it. */
  add(descriptor: number): boolean {
    if (descriptor >= MOST_DESCRIPTORS) return false;
    Atomics.or(this.#words, descriptor >>> 5, 1 << descriptor);
    return true;
  }

  /** To be called before it is closed: a number that is free is soon another thread's. */
  remove(descriptor: number): void {
    Atomics.and(this.#words, descriptor >>> 5, ~(1 << descriptor));
  }

  /** What a dead worker left open; the row is empty then. */
  takeAll(): number[] {
    const left: number[] = [];
    for (let word = 0; word < ROW; word++) {
      const bits = this.#words[word]!;
      if (bits === 0) continue;
      for (let bit = 0; bit < BITS; bit++) {
        if ((bits & (1 << bit)) !== 0) left.push(word * BITS + bit);
      }
      this.#words[word] = 0;
    }
    return left;
  }
}
