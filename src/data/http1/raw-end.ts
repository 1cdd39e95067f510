// One end of a connection that left HTTP, or never spoke it here: bytes both ways until both directions
// end. A `Tunnel` joins two of them.

import type { Wire } from "./wire.ts";

export interface RawEnd {
  /** False: wait for `onRawDrain`. The bytes must not change afterwards. */
  writeRaw(bytes: Buffer, start: number, end: number): boolean;
  pauseRaw(): void;
  resumeRaw(): void;
  /** Ends the direction we write. */
  endRaw(): void;
  destroyRaw(): void;
  /** Closes it once what was written is sent: nothing is to follow, and nobody takes what it sends. */
  finishRaw(): void;
}
export interface RawListener {
  onRaw(bytes: Buffer, start: number, end: number): void;
  onRawDrain(): void;
  /** The peer ended its direction. */
  onRawEnd(): void;
  /** The connection is gone in both directions. */
  onRawClose(): void;
}

/** Of a connection whose events its owner passes on to the listener. */
export class WireEnd implements RawEnd {
  readonly #wire: Wire;
  readonly #onDestroyed: () => void;
  readonly #onParting: () => void;

  /** `onParting`: what was written is still to be sent, and may not be for ever. */
  constructor(wire: Wire, onDestroyed = (): void => {}, onParting = (): void => {}) {
    this.#wire = wire;
    this.#onDestroyed = onDestroyed;
    this.#onParting = onParting;
  }

  writeRaw(bytes: Buffer, start: number, end: number): boolean {
    return this.#wire.write(bytes, start, end, false);
  }
  pauseRaw(): void {
    this.#wire.pause();
  }
  resumeRaw(): void {
    this.#wire.resume();
  }
  endRaw(): void {
    this.#wire.shutdown();
  }
  destroyRaw(): void {
    this.#wire.destroy();
    this.#onDestroyed();
  }
  finishRaw(): void {
    this.#wire.finish();
    if (this.#wire.closed) this.#onDestroyed();
    else this.#onParting();
  }
}
