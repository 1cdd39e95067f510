// Text that is written again and again, kept as numbers of eight bytes each and written as such: one
// character after the other would take six times as long. Constant after making.

export const EIGHT = 8;

/** ASCII in eights; see `Phrase.eights`. */
export function eightsOf(text: string): Float64Array<ArrayBuffer> {
  const eights = new Float64Array(Math.ceil(text.length / EIGHT));
  new Uint8Array(eights.buffer).set(Buffer.from(text));
  return eights;
}

export class Phrase {
  readonly text: string;
  /** Bytes. */
  readonly length: number;
  /**
   * The bytes in eights, in the order of the machine (each that Bun runs on is little-endian); zeros
   * fill the last. As all of them are ASCII, none of these numbers is a NaN, whose bits may change.
   */
  readonly eights: Float64Array;

  /** Throws a RangeError on what is not ASCII. */
  constructor(text: string) {
    // oxlint-disable-next-line no-control-regex -- all of ASCII is meant
    if (!/^[\x00-\x7f]*$/.test(text)) throw new RangeError("a phrase that is not ASCII");
    this.text = text;
    this.length = text.length;
    this.eights = eightsOf(text);
  }
}
