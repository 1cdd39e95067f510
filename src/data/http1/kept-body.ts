// A request's body as far as it was taken, for another try. Its first piece stays where it is, which
// mostly is all of it; those that follow are put together, as each may be a byte that holds thousands.
// Made by a relay for a request with a body. Always holds: bytes that were handed out do not change.

const NOTHING = Buffer.alloc(0);
const LEAST_BYTES = 4096;

export class KeptBody {
  readonly #first: Buffer;
  readonly #start: number;
  readonly #end: number;
  #rest: Buffer = NOTHING;
  #used = 0;
  #complete: boolean;

  constructor(bytes: Buffer, start: number, end: number, last: boolean) {
    this.#first = bytes;
    this.#start = start;
    this.#end = end;
    this.#complete = last;
  }

  add(bytes: Buffer, start: number, end: number, last: boolean): void {
    const used = this.#used + end - start;
    if (used > this.#rest.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(LEAST_BYTES, 2 * used));
      this.#rest.copy(larger, 0, 0, this.#used);
      this.#rest = larger;
    }
    bytes.copy(this.#rest, this.#used, start, end);
    this.#used = used;
    this.#complete = last;
  }

  /** Whether some of it is in these bytes. */
  isIn(bytes: Buffer): boolean {
    return bytes === this.#first;
  }

  /** What `pass` answers for the last piece. */
  replay(pass: (bytes: Buffer, start: number, end: number, last: boolean) => boolean): boolean {
    const more = this.#used > 0;
    const free = pass(this.#first, this.#start, this.#end, this.#complete && !more);
    return more ? pass(this.#rest, 0, this.#used, this.#complete) : free;
  }
}
