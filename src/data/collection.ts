// When a worker collects its garbage without being told to by the engine, which counts the shared
// tables as heap of every worker and lets garbage pile up in proportion: beside 10^6 clients some
// 160 MB of ended connections a worker, beside none some 30 MB. Kept connections make next to none.

/** Some 10 MB of ended connections; collecting takes 10 to 20 ms then. */
const MOST_ENDED = 8_192;
/** Bytes of uploads by `fetch`, which lie about in pieces; nothing else is collected for its size. */
const MOST_PILED = 16_000_000;

/** Totals of what became garbage, as the server counts them. */
export interface Garbage {
  /** Connections. */
  readonly ended: number;
  /** Bytes. */
  readonly piled: number;
}

export class Collection {
  readonly #collect: () => void;
  #ended = 0;
  #piled = 0;

  constructor(collect: () => void = () => Bun.gc(true)) {
    this.#collect = collect;
  }

  /** Call it every now and then. */
  look({ ended, piled }: Garbage): void {
    if (ended - this.#ended < MOST_ENDED && piled - this.#piled < MOST_PILED) return;
    this.#ended = ended;
    this.#piled = piled;
    this.#collect();
  }
}
