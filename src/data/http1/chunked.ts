// The chunked coding (RFC 9112 §7.1), both directions. The decoder is strict where parsers differ:
// CRLF exactly, hex digits only, sizes bounded; extensions and trailers are checked, bounded and
// left out. State: where in the coding the last bytes ended; owned by one message.

import { CR, HEX, HTAB, LF, SEMICOLON, SP, TOKEN, VALUE, COLON } from "./bytes.ts";

/** Decoding goes on at `next`: nothing more to do until more bytes come. */
export const CHUNK_MORE = 0;
/** `dataStart` to `dataEnd` are bytes of the body; call again. */
export const CHUNK_DATA = 1;
/** The body and its trailers are complete; `next` is the first byte behind them. */
export const CHUNK_DONE = 2;
/** Not chunked coding: the message cannot go on. */
export const CHUNK_FAULT = 3;

/** Hex digits of a size: 13 reach 2^52, more would not be exact. */
const MAX_SIZE_DIGITS = 13;
/** Bytes of all extensions of a message: some senders sign every chunk. */
const MAX_EXTENSIONS = 16_384;
const MAX_TRAILERS = 16_384;
/** The end of the last chunk and of the body, without extension, zeros or trailers. */
const PLAIN_END = Buffer.from("\r\n0\r\n\r\n");

enum At {
  SIZE,
  SIZE_END,
  EXTENSION,
  SIZE_LF,
  DATA,
  DATA_CR,
  DATA_LF,
  TRAILER,
  TRAILER_NAME,
  TRAILER_VALUE,
  TRAILER_LF,
  LAST_LF,
  DONE,
  FAULT,
}

export class ChunkedDecoder {
  next = 0;
  dataStart = 0;
  dataEnd = 0;
  /** Bytes of the body that the size lines so far have announced. */
  announced = 0;
  /** What went wrong, for people. */
  fault = "";
  #at: At = At.SIZE;
  /** Bytes of the present chunk still to come. */
  #left = 0;
  #digits = 0;
  #extensions = 0;
  #trailers = 0;

  reset(): void {
    this.#at = At.SIZE;
    this.announced = this.#left = this.#digits = this.#extensions = this.#trailers = 0;
  }

  /** Looks at bytes from `next` (which the caller sets for every new piece) to `end`. */
  decode(bytes: Uint8Array, end: number): number {
    while (this.next < end) {
      if (this.#at === At.DATA) return this.#data(end);
      const byte = bytes[this.next]!;
      const at = this.#at < At.DATA ? this.#size(byte) : this.#between(byte);
      this.#at = at;
      if (at === At.FAULT) return CHUNK_FAULT;
      this.next++;
      if (at === At.DONE) return CHUNK_DONE;
    }
    return CHUNK_MORE;
  }

  /**
   * Takes the plainest end of a body, if the bytes at `next` are that: then the last piece of data
   * can leave together with the end. False changes nothing.
   */
  takeEnd(bytes: Uint8Array, end: number): boolean {
    if (this.#at !== At.DATA_CR || end - this.next < PLAIN_END.length) return false;
    for (let i = 0; i < PLAIN_END.length; i++) {
      if (bytes[this.next + i] !== PLAIN_END[i]) return false;
    }
    this.next += PLAIN_END.length;
    this.#at = At.DONE;
    return true;
  }

  #data(end: number): number {
    this.dataStart = this.next;
    this.dataEnd = Math.min(end, this.next + this.#left);
    this.#left -= this.dataEnd - this.dataStart;
    this.next = this.dataEnd;
    if (this.#left === 0) this.#at = At.DATA_CR;
    return CHUNK_DATA;
  }

  /** `1*HEXDIG [BWS ";" extension] CRLF`. */
  #size(byte: number): At {
    switch (this.#at) {
      case At.SIZE: {
        const digit = HEX[byte]!;
        if (digit >= 0) {
          if (++this.#digits > MAX_SIZE_DIGITS) return this.#refuse("a chunk size too long");
          this.#left = this.#left * 16 + digit;
          return At.SIZE;
        }
        if (this.#digits === 0) return this.#refuse("no chunk size");
        return this.#sizeEnd(byte);
      }
      case At.SIZE_END:
        return this.#sizeEnd(byte);
      case At.EXTENSION:
        if (byte === CR) return At.SIZE_LF;
        if (VALUE[byte] === 0) return this.#refuse("a control character in a chunk extension");
        return this.#extended(At.EXTENSION);
      default:
        if (byte !== LF) return this.#refuse("a chunk size line without CRLF");
        this.announced += this.#left;
        return this.#left === 0 ? At.TRAILER : At.DATA;
    }
  }

  #sizeEnd(byte: number): At {
    if (byte === CR && this.#at === At.SIZE) return At.SIZE_LF;
    if (byte === SEMICOLON) return this.#extended(At.EXTENSION);
    if (byte === SP || byte === HTAB) return this.#extended(At.SIZE_END);
    return this.#refuse("a chunk size that is not hexadecimal");
  }

  #extended(at: At): At {
    if (++this.#extensions <= MAX_EXTENSIONS) return at;
    return this.#refuse(`chunk extensions above ${MAX_EXTENSIONS} bytes`);
  }

  /** The CRLF behind a chunk's data; the trailer section behind the last chunk. */
  #between(byte: number): At {
    switch (this.#at) {
      case At.DATA_CR:
        return byte === CR ? At.DATA_LF : this.#refuse("a chunk longer than its size");
      case At.DATA_LF:
        this.#digits = 0;
        return byte === LF ? At.SIZE : this.#refuse("a chunk without CRLF");
      case At.LAST_LF:
        return byte === LF ? At.DONE : this.#refuse("a CR without LF in the trailers");
      default:
        if (++this.#trailers > MAX_TRAILERS) {
          return this.#refuse(`trailers above ${MAX_TRAILERS} bytes`);
        }
        return this.#trailer(byte);
    }
  }

  #trailer(byte: number): At {
    switch (this.#at) {
      case At.TRAILER:
        if (byte === CR) return At.LAST_LF;
        return TOKEN[byte] === 1 ? At.TRAILER_NAME : this.#refuse("a trailer without a name");
      case At.TRAILER_NAME:
        if (byte === COLON) return At.TRAILER_VALUE;
        return TOKEN[byte] === 1 ? At.TRAILER_NAME : this.#refuse("a trailer without a name");
      case At.TRAILER_VALUE:
        if (byte === CR) return At.TRAILER_LF;
        return VALUE[byte] === 1 ? At.TRAILER_VALUE : this.#refuse("a control in a trailer");
      default:
        return byte === LF ? At.TRAILER : this.#refuse("a CR without LF in the trailers");
    }
  }

  #refuse(fault: string): At {
    this.fault = fault;
    return At.FAULT;
  }
}

export const LAST_CHUNK = Buffer.from("0\r\n\r\n");
/** The most bytes that `chunkHeader` writes. */
export const CHUNK_HEADER_BYTES = 16;

/** Writes `size` in hex and CRLF at `at`; where it ends. Size above 0: 0 would end the body. */
export function chunkHeader(bytes: Buffer, at: number, size: number): number {
  return at + bytes.write(`${size.toString(16)}\r\n`, at, "latin1");
}
