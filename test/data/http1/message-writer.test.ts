import { expect, test } from "bun:test";
import fc from "fast-check";
import { MessageWriter } from "../../../src/data/http1/message-writer.ts";
import { Phrase } from "../../../src/data/http1/phrase.ts";

const written = (writer: MessageWriter) => writer.bytes.toString("latin1", 0, writer.used);

/** Around the lengths at which the writer copies in another way. */
const text = fc
  .tuple(fc.string({ unit: "grapheme-ascii", maxLength: 80 }), fc.integer({ min: 1, max: 4 }))
  .map(([part, times]) => part.repeat(times));
const piece = fc.oneof(
  text,
  text.map((ascii) => new Phrase(ascii)),
  // The bytes that would be a NaN with any others above 127.
  fc.constantFrom("\x7f".repeat(8), "\x7f".repeat(9), "").map((ascii) => new Phrase(ascii)),
  fc.uint8Array({ maxLength: 300 }),
  fc.maxSafeNat(),
  fc.nat(1000),
  fc.constantFrom(0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 999_999_999_999_999),
);

test("what was written stands there, in its order", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const writer = new MessageWriter();
      let expected = "";
      for (const part of pieces) {
        if (typeof part === "number") {
          writer.number(part);
          expected += String(part);
        } else if (typeof part === "string") {
          writer.text(part);
          expected += part;
        } else if (part instanceof Phrase) {
          writer.phrase(part).crlf();
          expected += `${part.text}\r\n`;
          if (part.length < 8) continue;
          writer.part(part.eights, 0, 5);
          expected += part.text.slice(0, 5);
        } else {
          const bytes = Buffer.from(part);
          const start = bytes.length >> 2;
          writer.copy(bytes, start, bytes.length);
          expected += bytes.toString("latin1", start);
        }
      }
      expect(written(writer)).toBe(expected);
    }),
  );
});

test("there is room for more than it began with", () => {
  const writer = new MessageWriter();
  const line = "x".repeat(1000);
  for (let i = 0; i < 200; i++) writer.text(line).number(i);
  const expected = Array.from({ length: 200 }, (_, i) => line + i).join("");
  expect(written(writer)).toBe(expected);
});

test("a phrase has room up to the very end", () => {
  const writer = new MessageWriter();
  const phrase = new Phrase("Via: 1.1 gateway\r\n");
  const room = writer.bytes.length;
  while (writer.used + phrase.length < room) writer.phrase(phrase);
  writer.copy(Buffer.alloc(room - 1 - writer.used, "x"), 0, room - 1 - writer.used);
  const before = written(writer);
  writer.phrase(phrase);
  expect(written(writer)).toBe(before + phrase.text);
});

test("what is not ASCII is no phrase", () => {
  expect(() => new Phrase("a\u0080")).toThrow(RangeError);
  expect(() => new Phrase("\u20ac")).toThrow(RangeError);
});
