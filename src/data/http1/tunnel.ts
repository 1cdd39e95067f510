// Two connections that left HTTP, joined: bytes both ways, each direction held back while the other side
// cannot take more, ended separately, closed together: by a reset, unless the side that is gone has
// ended its direction before. What it said until then still reaches the other.

import type { RawEnd, RawListener } from "./raw-end.ts";

/** One direction's listener: what `from` sends goes to the other side's `end`. */
class Half implements RawListener {
  other!: Half;
  end: RawEnd | null = null;
  bytes = 0;
  /** It ended its direction. */
  #ended = false;
  #over = false;
  /** What came before the other side was there. */
  #early: Buffer[] = [];
  #earlyEnd = false;
  readonly #tunnel: Tunnel;

  constructor(tunnel: Tunnel) {
    this.#tunnel = tunnel;
  }

  onRaw(bytes: Buffer, start: number, end: number): void {
    this.bytes += end - start;
    const to = this.other.end;
    if (to === null) this.#early.push(bytes.subarray(start, end));
    else if (!to.writeRaw(bytes, start, end)) this.end?.pauseRaw();
  }
  onRawDrain(): void {
    this.other.end?.resumeRaw();
  }
  onRawEnd(): void {
    this.#ended = true;
    if (this.other.end === null) this.#earlyEnd = true;
    else this.other.end.endRaw();
  }
  onRawClose(): void {
    if (this.#over) return;
    this.#over = true;
    this.other.#closed(this.#ended);
    this.#tunnel.closed();
  }
  /** The other side is gone. */
  #closed(ended: boolean): void {
    if (this.#over) return;
    this.#over = true;
    if (ended) this.end?.finishRaw();
    else this.end?.destroyRaw();
  }

  /** The other side is there now. */
  replay(): void {
    for (const bytes of this.#early) this.other.end!.writeRaw(bytes, 0, bytes.length);
    this.#early = [];
    if (this.#earlyEnd) this.other.end!.endRaw();
  }
}

export class Tunnel {
  readonly #left = new Half(this);
  readonly #right = new Half(this);
  readonly #onClose: () => void;
  #open = true;

  /** `onClose` is called once, when both connections are gone. */
  constructor(onClose: () => void) {
    this.#left.other = this.#right;
    this.#right.other = this.#left;
    this.#onClose = onClose;
  }

  /** Each side hands its bytes over to the listener it is given. Either may be gone: null. */
  join(
    left: (listener: RawListener) => RawEnd | null,
    right: (listener: RawListener) => RawEnd | null,
  ): void {
    this.#left.end = left(this.#left);
    this.#right.end = right(this.#right);
    if (this.#left.end === null) this.#left.onRawClose();
    else if (this.#right.end === null) this.#right.onRawClose();
    else {
      this.#left.replay();
      this.#right.replay();
    }
  }

  closed(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#onClose();
  }

  /** Bytes so far, from the left to the right side and back. */
  get bytes(): readonly [number, number] {
    return [this.#left.bytes, this.#right.bytes];
  }
}
