// What a round of events has to say: short writes of all sockets, collected and handed to the kernel
// one after the other at the end of the round. The code that makes answers and the kernel's are both
// larger than a processor's first cache, so each runs faster in one piece than in turns. One a loop.
// Always holds: a socket has at most one entry, and nothing is here between two rounds.

import { type Kernel, words } from "./kernel.ts";

const INITIAL_BYTES = 256 * 1024;
/** Longer writes do not wait. */
const MOST_DEFERRED = 16_384;

export interface Sender {
  /** [from, from + length) of `bytes` is to go now, whose first byte is at `address`. */
  flush(bytes: Buffer, address: number, from: number, length: number): void;
  /** Its entry here; -1: none. */
  entry: number;
}

export class Outbox {
  readonly #bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  readonly #address: number;
  #used = 0;
  /** In the middle of a round, whose end sends everything. */
  open = false;
  readonly #senders: Sender[] = [];
  readonly #places = words(1024);

  constructor(kernel: Kernel) {
    this.#address = kernel.address(this.#bytes);
  }

  /** Keeps a write until the end of the round. False: there is no room, or it would lose its order. */
  put(sender: Sender, bytes: Buffer, start: number, length: number): boolean {
    if (!this.open || length > MOST_DEFERRED || this.#used + length > INITIAL_BYTES) return false;
    const from = this.#used;
    const { entry } = sender;
    const places = this.#places;
    if (entry < 0) {
      if (this.#senders.length * 2 === places.length) return false;
      const next = this.#senders.length;
      this.#senders.push(sender);
      sender.entry = next;
      places[next * 2] = from;
      places[next * 2 + 1] = length;
    } else {
      // Only the last one's writes lie together.
      if (places[entry * 2]! + places[entry * 2 + 1]! !== from) return false;
      places[entry * 2 + 1]! += length;
    }
    bytes.copy(this.#bytes, from, start, start + length);
    this.#used = from + length;
    return true;
  }

  /** Sends what this one has here. */
  flush(sender: Sender): void {
    const { entry } = sender;
    if (entry < 0) return;
    sender.entry = -1;
    this.#send(sender, entry);
  }

  #send(sender: Sender, entry: number): void {
    const from = this.#places[entry * 2]!;
    sender.flush(this.#bytes, this.#address, from, this.#places[entry * 2 + 1]!);
  }

  /** Sends everything: the round is over. */
  flushAll(): void {
    this.open = false;
    const senders = this.#senders;
    for (let entry = 0; entry < senders.length; entry++) {
      const sender = senders[entry]!;
      if (sender.entry !== entry) continue;
      sender.entry = -1;
      this.#send(sender, entry);
    }
    senders.length = 0;
    this.#used = 0;
  }
}
