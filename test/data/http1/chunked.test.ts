import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  CHUNK_DATA,
  CHUNK_DONE,
  CHUNK_FAULT,
  CHUNK_MORE,
  ChunkedDecoder,
  chunkHeader,
} from "../../../src/data/http1/chunked.ts";
import { bytesOf } from "./pieces.ts";
import { referenceChunked } from "./reference.ts";

/** Body and rest, "more" when the coding goes on, or null for a fault. */
function decode(
  text: string,
  cuts: readonly number[],
): { body: string; rest: string } | "more" | null {
  const decoder = new ChunkedDecoder();
  let body = "";
  let from = 0;
  for (const to of [...cuts, text.length]) {
    const piece = bytesOf(text.slice(from, to));
    decoder.next = 0;
    for (;;) {
      const result = decoder.decode(piece, piece.length);
      if (result === CHUNK_MORE) break;
      if (result === CHUNK_FAULT) return null;
      if (result === CHUNK_DONE) return { body, rest: text.slice(from + decoder.next) };
      expect(result).toBe(CHUNK_DATA);
      body += piece.toString("latin1", decoder.dataStart, decoder.dataEnd);
    }
    from = to;
  }
  return "more";
}

test("a body is the same wherever its bytes are split, and what follows is left alone", () => {
  const text = '5\r\nhello\r\nA;x="y"\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nGET / HTTP/1.1\r\n';
  const whole = { body: "hello0123456789", rest: "GET / HTTP/1.1\r\n" };
  expect(referenceChunked(text)).toEqual(whole);
  for (let cut = 0; cut <= text.length; cut++) expect(decode(text, [cut])).toEqual(whole);
  expect(
    decode(
      text,
      Array.from({ length: text.length }, (_, i) => i),
    ),
  ).toEqual(whole);
});

test("random codings are read as the grammar says", () => {
  const piece = fc.constantFrom(
    "5\r\nhello\r\n",
    "1\r\nx\r\n",
    "0\r\n",
    "\r\n",
    "0\r\n\r\n",
    "A: b\r\n",
    ";e=f",
    "5",
    "\n",
    "\r",
    " ",
    "g",
    "00",
    "hello",
    "3;a\r\nabc\r\n",
    "\t;",
    ":",
    "2\r\n\r\n\r\n",
  );
  const coding = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(coding, fc.array(fc.nat(60), { maxLength: 4 }), (start, at) => {
      // The end completes whatever is still open, so that the reference can judge.
      const text = `${start}\r\n0\r\n\r\n`;
      const cuts = at.filter((cut) => cut < text.length).sort((a, b) => a - b);
      const result = decode(text, cuts);
      if (result === "more") expect(referenceChunked(text)).toBeNull();
      else expect(result).toEqual(referenceChunked(text));
    }),
    { numRuns: 5000 },
  );
});

test("extensions and trailers are bounded", () => {
  const chunks = "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n".repeat(600);
  expect(decode(`${chunks}0\r\n\r\n`, [])).toBeNull();
  expect(decode(`0\r\n${"A: b\r\n".repeat(4000)}\r\n`, [])).toBeNull();
  expect(decode(`0\r\n${"A: b\r\n".repeat(2000)}\r\n`, [])).toEqual({ body: "", rest: "" });
});

test("what the encoder writes, the decoder reads", () => {
  for (const size of [1, 9, 10, 255, 4096, 2 ** 40]) {
    const bytes = Buffer.alloc(32);
    const end = chunkHeader(bytes, 3, size);
    expect(parseInt(bytes.toString("latin1", 3, end - 2), 16)).toBe(size);
    expect(bytes.toString("latin1", end - 2, end)).toBe("\r\n");
  }
});
