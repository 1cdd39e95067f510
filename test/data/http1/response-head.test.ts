import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DONE, MORE } from "../../../src/data/http1/fields.ts";
import { CHUNKED, UNTIL_CLOSE } from "../../../src/data/http1/message-length.ts";
import { MALFORMED, RESPONSE_LIMITS, ResponseHead } from "../../../src/data/http1/response-head.ts";
import { bytesOf } from "./pieces.ts";

function parse(
  text: string,
  cuts: readonly number[] = [],
  toHead = false,
  limits = RESPONSE_LIMITS,
) {
  const whole = bytesOf(text);
  const head = new ResponseHead();
  let verdict: number = MORE;
  for (const end of [...cuts, whole.length]) {
    const buffer = Buffer.alloc(7 + end, 0xee);
    whole.copy(buffer, 7, 0, end);
    if (verdict === MORE && head.fields.next === 0) head.reset(7);
    else head.rebase(buffer, 0);
    verdict = head.parse(buffer, 7 + end, toHead, limits);
    if (verdict !== MORE) break;
  }
  return { head, verdict };
}

function summary(text: string, cuts: readonly number[] = []) {
  const { head, verdict } = parse(text, cuts);
  if (verdict !== DONE) return verdict;
  const reason = head.bytes.toString("latin1", head.reasonStart, head.reasonEnd);
  return [head.status, reason, head.length, head.keepAlive, head.fields.count, head.end];
}

const LENGTHS: readonly (readonly [string, number, boolean, string])[] = [
  ["Content-Length", 5, true, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"],
  ["chunked", CHUNKED, true, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["neither", UNTIL_CLOSE, false, "HTTP/1.1 200 OK\r\n\r\n"],
  ["204", 0, true, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"],
  ["304", 0, true, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"],
  ["1xx", 0, true, "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"],
  ["close", 5, false, "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 5\r\n\r\n"],
  ["HTTP/1.0", 5, false, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n"],
  [
    "HTTP/1.0 kept",
    5,
    true,
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n",
  ],
];

const REFUSED: readonly string[] = [
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
  "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
  "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
  "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
  "HTTP/1.1 200 OK\nA: b\n\n",
  "HTTP/1.1 200 O\x01K\r\n\r\n",
  "HTTP/1.1 99 OK\r\n\r\n",
  "HTTP/1.1 099 OK\r\n\r\n",
  "HTTP/1.1 2000 OK\r\n\r\n",
  "HTTP/1.1 2OO OK\r\n\r\n",
  "HTTP/1.1  200 OK\r\n\r\n",
  "HTTP/2.0 200 OK\r\n\r\n",
  "http/1.1 200 OK\r\n\r\n",
  "\r\nHTTP/1.1 200 OK\r\n\r\n",
  "ICY 200 OK\r\n\r\n",
  "<html>",
];

describe("an answer's head", () => {
  test.each(LENGTHS.map(([name, length, keepAlive, text]) => ({ name, length, keepAlive, text })))(
    "length by $name",
    ({ length, keepAlive, text }) => {
      const { head, verdict } = parse(text);
      expect([verdict, head.length, head.keepAlive]).toEqual([DONE, length, keepAlive]);
    },
  );

  test("an answer to HEAD has no body, whatever it says", () => {
    expect(parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", [], true).head.length).toBe(0);
    expect(parse("HTTP/1.1 200 OK\r\n\r\n", [], true).head.length).toBe(0);
  });

  test.each(REFUSED.map((text) => ({ name: JSON.stringify(text), text })))(
    "refused: $name",
    ({ text }) => {
      expect(parse(text).verdict).toBe(MALFORMED);
      for (let cut = 0; cut < text.length; cut++)
        expect(parse(text, [cut]).verdict).toBe(MALFORMED);
    },
  );

  test("keeps status and reason as they are, whatever they are", () => {
    expect(summary("HTTP/1.1 799 \xdcber alles\r\nContent-Length: 0\r\n\r\n")).toEqual([
      799,
      "\xdcber alles",
      0,
      true,
      1,
      7 + 46,
    ]);
    expect((summary("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n") as unknown[]).slice(0, 3)).toEqual(
      [200, "", 0],
    );
    expect(
      (summary("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n") as unknown[]).slice(0, 3),
    ).toEqual([200, "", 0]);
  });

  test("means the same however its bytes are split", () => {
    for (const [, , , text] of LENGTHS) {
      const whole = summary(text);
      for (let cut = 0; cut <= text.length; cut++) expect(summary(text, [cut])).toEqual(whole);
    }
  });

  test("is limited", () => {
    const limits = { head: 40, fields: 2 };
    expect(parse("HTTP/1.1 200 OK\r\nA: b\r\nA: b\r\n\r\n", [], false, limits).verdict).toBe(DONE);
    expect(parse("HTTP/1.1 200 OK\r\nA:b\r\nA:b\r\nA:b\r\n\r\n", [], false, limits).verdict).toBe(
      MALFORMED,
    );
    expect(parse(`HTTP/1.1 200 OK\r\nA: ${"b".repeat(50)}`, [], false, limits).verdict).toBe(
      MALFORMED,
    );
  });
});

describe("a head that reads one answer after the other", () => {
  const LINES = [
    "HTTP/1.1 200 OK",
    "HTTP/1.0 200 OK",
    "HTTP/1.1 404",
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 304 Not Modified",
    "HTTP/1.1 103 Early Hints",
    "HTTP/1.1 101 Switching Protocols",
  ];
  const FIELDS = [
    "",
    "Content-Length: 5",
    "Content-Length: 6",
    "content-length: 5",
    "Transfer-Encoding: chunked",
    "Date: now\r\nContent-Length: 5",
    "X-A: 1\r\nContent-Length: 5\r\nConnection: X-A, close",
    "X-A: 1\r\nContent-Length: 5\r\nConnection: X-B, close",
    "Content-Length: 5\r\nConnection: keep-alive",
    "Upgrade: websocket\r\nConnection: upgrade",
    `X-Long: ${"a".repeat(2040)}`,
    `X-Long: ${"a".repeat(2039)}b`,
  ];

  /** All that anybody reads off a head. */
  function read(head: ResponseHead, verdict: number): object {
    if (verdict !== DONE) return { verdict };
    const { fields, status, minor, length, keepAlive, upgrade, interim, start, end } = head;
    const text = (from: number, to: number) => head.bytes.toString("latin1", from, to);
    const all = Array.from({ length: fields.count }, (_, field) => [
      fields.id(field),
      fields.name(field),
      fields.value(field),
      text(fields.nameStart(field), fields.valueEnd(field)),
    ]);
    const reason = text(head.reasonStart, head.reasonEnd);
    const ends = { start, end, rest: text(end, end + 5) };
    return { status, minor, length, keepAlive, upgrade, interim, reason, all, ...ends };
  }

  test("says of each what a new one says, and sees again what it has seen", () => {
    let repeats = 0;
    const answer = fc.record({
      line: fc.constantFrom(...LINES),
      fields: fc.constantFrom(...FIELDS),
      toHead: fc.boolean(),
      at: fc.nat(40),
      cut: fc.nat(80),
      moved: fc.nat(20),
    });
    const answers = fc.array(answer, { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(answers, (all) => {
        const kept = new ResponseHead();
        for (const { line, fields, toHead, at, cut, moved } of all) {
          const text = `${line}\r\n${fields}${fields === "" ? "" : "\r\n"}\r\n`;
          const padded = (by: number) => bytesOf(`${"\xee".repeat(by)}${text}hello`);
          const parse = (head: ResponseHead): object => {
            head.reset(at);
            const end = at + text.length;
            let bytes = padded(at);
            let verdict = head.parse(bytes, Math.min(at + cut, end), toHead, RESPONSE_LIMITS);
            if (verdict !== MORE) return read(head, verdict);
            bytes = padded(at + moved);
            head.rebase(bytes, moved);
            verdict = head.parse(bytes, bytes.length, toHead, RESPONSE_LIMITS);
            return read(head, verdict);
          };
          const { version } = kept.fields;
          const expected = parse(new ResponseHead());
          expect(parse(kept)).toEqual(expected);
          // Whoever refuses an answer parses no other.
          if ("verdict" in expected) return;
          if (kept.fields.repeated && kept.fields.version === version) repeats++;
        }
      }),
      { numRuns: 2000 },
    );
    expect(repeats).toBeGreaterThan(100);
  });

  test("looks seldom for fields that were others each time, and finds those that stay", () => {
    const head = new ResponseHead();
    const next = (fields: string): boolean => {
      const bytes = bytesOf(`HTTP/1.1 200 OK\r\n${fields}\r\nContent-Length: 0\r\n\r\n`);
      head.reset(0);
      expect(head.parse(bytes, bytes.length, false, RESPONSE_LIMITS)).toBe(DONE);
      return head.fields.repeated;
    };
    for (let i = 0; i < 100; i++) expect(next(`ETag: "${i}"`)).toBe(false);
    const stays = Array.from({ length: 100 }, () => next("ETag: x"));
    const first = stays.indexOf(true);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(20);
    expect(stays.slice(first)).not.toContain(false);
  });
});
