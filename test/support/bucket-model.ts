// The textbook token bucket, one thread, plain floating point: what the tables are compared against.

export class BucketModel {
  tokens: number;
  /** Tokens by which a compared table may differ on top of the usual, from changes of capacity. */
  slack = 0;
  #last: number;

  constructor(
    public capacity: number,
    /** Tokens a nanosecond. */
    public rate: number,
    tokens: number,
    now: number,
  ) {
    this.tokens = tokens;
    this.#last = now;
  }

  refill(now: number): void {
    this.tokens = Math.min(this.capacity, this.tokens + (now - this.#last) * this.rate);
    this.#last = now;
  }

  change(capacity: number, rate: number, tokens: number | null, now: number): void {
    this.refill(now);
    this.tokens = tokens ?? (this.tokens / this.capacity) * capacity;
    this.capacity = capacity;
    this.rate = rate;
  }
}
