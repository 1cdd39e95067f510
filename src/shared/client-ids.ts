// The bytes of client ids in shared memory, and which slot has which id. One arena in blocks of 16
// bytes; an id lies in 1 to 8 blocks (id-blocks.ts), and what is freed is given to later ids. One
// writer; any thread compares and reads. The bytes of an id never change while its slot is in use or
// in quarantine (client-table.ts).

import { ID_REF, SLOT_INTS } from "./bucket-layout.ts";
import { MAX_CLIENT_ID_LENGTH } from "./clients.ts";
import { growable, growTo } from "./growable.ts";
import { IdBlocks, ROW } from "./id-blocks.ts";

const BLOCK_BYTES = MAX_CLIENT_ID_LENGTH / ROW;
/** A slot's reference: number of the first block above these bits, length - 1 in them. */
const LENGTH_BITS = 7;
const LENGTH_MASK = (1 << LENGTH_BITS) - 1;
/** Reference of a slot that never had an id: block 0 stays unused. */
const NO_ID = 0;
/** 25 bits of block numbers, at 8 blocks for the longest id. */
export const MAX_IDS = 2 ** (32 - LENGTH_BITS) / ROW;

export class ClientIds {
  readonly #memory: SharedArrayBuffer;
  readonly #bytes: Uint8Array;
  readonly #cells: Int32Array;
  /** Writer's own. */
  readonly #blocks: IdBlocks;

  /** Room for the longest id in every slot (of MAX_IDS one must be shorter), used only as ids come. */
  static reserve(slots: number): SharedArrayBuffer {
    return growable(Math.min(slots + 1, MAX_IDS) * MAX_CLIENT_ID_LENGTH);
  }

  constructor(memory: SharedArrayBuffer, slots: SharedArrayBuffer) {
    this.#memory = memory;
    this.#bytes = new Uint8Array(memory);
    this.#cells = new Int32Array(slots);
    this.#blocks = new IdBlocks(Math.floor(memory.maxByteLength / MAX_CLIENT_ID_LENGTH));
  }

  textOf(slot: number): string {
    const ref = Atomics.load(this.#cells, slot * SLOT_INTS + ID_REF) >>> 0;
    const start = (ref >>> LENGTH_BITS) * BLOCK_BYTES;
    return Buffer.from(this.#memory, start, (ref & LENGTH_MASK) + 1).toString("latin1");
  }

  /** Writes the id's bytes to `target` from `at` on; how many, 1 to 128. */
  copy(slot: number, target: Uint8Array, at: number): number {
    const ref = Atomics.load(this.#cells, slot * SLOT_INTS + ID_REF) >>> 0;
    const start = (ref >>> LENGTH_BITS) * BLOCK_BYTES;
    const length = (ref & LENGTH_MASK) + 1;
    for (let i = 0; i < length; i++) target[at + i] = this.#bytes[start + i]!;
    return length;
  }

  /** Whether the slot's id is these bytes. Any thread, any slot. */
  equalsBytes(slot: number, bytes: Uint8Array, from: number, to: number): boolean {
    const ref = Atomics.load(this.#cells, slot * SLOT_INTS + ID_REF) >>> 0;
    if (ref === NO_ID || (ref & LENGTH_MASK) !== to - from - 1) return false;
    const start = (ref >>> LENGTH_BITS) * BLOCK_BYTES - from;
    for (let i = from; i < to; i++) {
      if (this.#bytes[start + i] !== bytes[i]) return false;
    }
    return true;
  }

  /**
   * Writer only: stores the id of an unused slot, and frees the bytes of the slot's former id, which
   * nobody can be looking at any more. False when the arena has no room; the slot then has no id.
   */
  give(slot: number, id: string): boolean {
    const place = slot * SLOT_INTS + ID_REF;
    this.#free(Atomics.exchange(this.#cells, place, NO_ID) >>> 0);
    const start = this.#blocks.take(blocksOf(id.length));
    if (start < 0) return false;
    growTo(this.#memory, this.#blocks.rows * MAX_CLIENT_ID_LENGTH);
    for (let i = 0; i < id.length; i++) this.#bytes[start * BLOCK_BYTES + i] = id.charCodeAt(i);
    Atomics.store(this.#cells, place, (start << LENGTH_BITS) | (id.length - 1));
    return true;
  }

  #free(ref: number): void {
    if (ref !== NO_ID) this.#blocks.free(ref >>> LENGTH_BITS, blocksOf((ref & LENGTH_MASK) + 1));
  }
}

function blocksOf(length: number): number {
  return Math.ceil(length / BLOCK_BYTES);
}
