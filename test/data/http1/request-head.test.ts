import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Field } from "../../../src/data/http1/field-names.ts";
import { DONE, MORE } from "../../../src/data/http1/fields.ts";
import { RequestHead } from "../../../src/data/http1/request-head.ts";
import { bytesOf, parseInPieces, seen } from "./pieces.ts";
import { referenceRequest } from "./reference.ts";

const GET = "GET /a?b=c HTTP/1.1\r\nHost: example.com\r\n";
const status = (text: string): number => seen(parseInPieces(text)).status;

describe("a request's head", () => {
  test("is found at its end, and what follows is left alone", () => {
    const { head, verdict } = parseInPieces(`${GET}Accept: */*\r\n\r\nBODY`);
    expect(verdict).toBe(DONE);
    expect(head.bytes.toString("latin1", head.end)).toBe("BODY");
    expect([head.method, head.target, head.host]).toEqual(["GET", "/a?b=c", "example.com"]);
    expect(head.fields.get("accept")).toBe("*/*");
    expect(head.fields.get("cookie")).toBeNull();
  });

  test("means the same however its bytes are split", () => {
    const texts = [
      `${GET}\r\n`,
      `\r\n${GET}Content-Length: 12\r\nConnection: close, X-A\r\nX-A:  b \t\r\n\r\nhello`,
      "POST http://other:81?q HTTP/1.1\r\nHost: one\r\nTransfer-Encoding: chunked\r\n\r\n",
      "OPTIONS http://other HTTP/1.1\r\nHost: one\r\n\r\n",
      `${GET}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n`,
      `${GET}A: b\r\n folded\r\n\r\n`,
      `${GET}A : b\r\n\r\n`,
      "GET / HTTP/2.0\r\n\r\n",
      "G\x00T / HTTP/1.1\r\n\r\n",
    ];
    for (const text of texts) {
      const whole = seen(parseInPieces(text));
      expect(whole).toEqual(referenceRequest(text));
      for (let cut = 0; cut <= text.length; cut++)
        expect(seen(parseInPieces(text, [cut]))).toEqual(whole);
      const every = Array.from({ length: text.length }, (_, i) => i);
      expect(seen(parseInPieces(text, every))).toEqual(whole);
    }
  });

  test("keeps limits, wherever the bytes are split", () => {
    const limits = { head: 120, target: 30, fields: 3 };
    const cases: [string, number][] = [
      [`GET /${"a".repeat(29)} HTTP/1.1\r\nHost: a\r\n\r\n`, 200],
      [`GET /${"a".repeat(30)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
      [`GET /${"a".repeat(300)}`, 414],
      [`GET / HTTP/1.1\r\nHost: a\r\nA: ${"b".repeat(88)}\r\n\r\n`, 200],
      [`GET / HTTP/1.1\r\nHost: a\r\nA: ${"b".repeat(89)}\r\n\r\n`, 431],
      [`GET / HTTP/1.1\r\nHost: a\r\nA: ${"b".repeat(500)}`, 431],
      ["GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nA: b\r\n\r\n", 200],
      ["GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", 431],
    ];
    for (const [text, expected] of cases) {
      expect([text, seen(parseInPieces(text, [], limits)).status]).toEqual([text, expected]);
      for (let cut = 0; cut < text.length; cut++) {
        expect(seen(parseInPieces(text, [cut], limits)).status).toBe(expected);
      }
    }
  });

  test("takes the host from an absolute target, and the path as it was sent", () => {
    const absolute = parseInPieces("GET http://b:8/x?y HTTP/1.1\r\nHost: a\r\n\r\n").head;
    expect([absolute.host, absolute.target]).toEqual(["b:8", "/x?y"]);
    const raw = '/a/../b\\c//"<>{}|^`%zz?\xfc\xff';
    expect(parseInPieces(`GET ${raw} HTTP/1.1\r\nHost: a\r\n\r\n`).head.target).toBe(raw);
  });

  test("knows the fields that matter, in any case, and those that could be mistaken for them", () => {
    const names: [string, number][] = [
      ["hOST", Field.HOST],
      ["Proxy-Connection", Field.PROXY],
      ["PROXY-AUTHORIZATION", Field.PROXY],
      ["X-Forwarded-Port", Field.X_FORWARDED_OTHER],
      ["x-forwarded-FOR", Field.X_FORWARDED_FOR],
      ["X_Forwarded_For", Field.MISTAKABLE],
      ["Content_Type", Field.MISTAKABLE],
      ["Proxy_Thing", Field.MISTAKABLE],
      ["X_Own", Field.OTHER],
      ["Hos", Field.OTHER],
      ["Hosts", Field.OTHER],
      ["Proxy-", Field.OTHER],
    ];
    const lines = names.slice(1).map(([name]) => `${name}: x\r\n`);
    const { fields } = parseInPieces(`GET / HTTP/1.1\r\nhOST: a\r\n${lines.join("")}\r\n`).head;
    expect(names.map(([name], i) => [name, fields.id(i)])).toEqual(
      names as unknown as [string, never][],
    );
  });

  test("marks what Connection names, but never the framing", () => {
    const { head } = parseInPieces(
      `${GET}Connection: X-Secret, host ,, Content-Length\r\nx-secret: 1\r\nContent-Length: 0\r\n\r\n`,
    );
    const ids = Array.from({ length: head.fields.count }, (_, i) => head.fields.id(i));
    expect(ids).toEqual([
      Field.HOST,
      Field.CONNECTION,
      Field.NAMED_BY_CONNECTION,
      Field.CONTENT_LENGTH,
    ]);
  });

  test("has at most 64 names in its Connection fields, other options apart", () => {
    const names = (count: number): string => Array.from({ length: count }, () => "abc").join(",");
    const head = (...values: string[]): string =>
      `${GET}${values.map((value) => `Connection: ${value}\r\n`).join("")}\r\n`;
    expect(status(head(names(64)))).toBe(200);
    expect(status(head(names(65)))).toBe(431);
    expect(status(head(names(32), `close, ${names(32)}`, "Keep-Alive"))).toBe(200);
    expect(status(head(names(32), "close", names(33)))).toBe(431);
    expect(status(head(`${"close,".repeat(1000)}${names(64)}`))).toBe(200);
  });

  test("a garbage first byte is refused before a line is complete", () => {
    expect(status("\x16\x03\x01")).toBe(400);
  });
});

describe("against the reference", () => {
  const piece = fc.constantFrom(
    "GET",
    "POST",
    "OPTIONS",
    "CONNECT",
    "get",
    "/",
    "/a?b",
    "*",
    "http://h/",
    "http://h",
    "h:80",
    "h:",
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/1.2",
    "HTTP/2.0",
    " ",
    "  ",
    "\t",
    "\r\n",
    "\n",
    "\r",
    "\0",
    "#",
    "\x80",
    "Host: h",
    "Host: h:1",
    "Host: h:99999",
    "Host:",
    "Host: [::1]:80",
    "Host: a b",
    "Host: a@b",
    "Content-Length: 5",
    "Content-Length: 5, 5",
    "Content-Length: +5",
    "Content-Length: 0x5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: Chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding : chunked",
    "Connection: close",
    "Connection: keep-alive, X",
    "Connection: a b",
    "Expect: 100-continue",
    "Expect: x",
    "X: y",
    ":",
    ",",
  );
  const line = fc.constantFrom(
    "GET / HTTP/1.1",
    "POST /a HTTP/1.1",
    "GET / HTTP/1.0",
    "OPTIONS * HTTP/1.1",
  );
  const likely = fc
    .tuple(line, fc.array(piece, { maxLength: 6 }))
    .map(([first, rest]) => [first, "Host: h", ...rest].join("\r\n"));
  const wild = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(""));
  const mutated = fc
    .tuple(likely, fc.nat(), fc.integer({ min: 0, max: 255 }))
    .map(([text, at, byte]) => {
      const bytes = bytesOf(text);
      bytes[at % bytes.length] = byte;
      return bytes.toString("latin1");
    });

  test("random heads are read as the grammar says", () => {
    fc.assert(
      fc.property(
        fc.oneof(likely, wild, mutated),
        fc.array(fc.nat(200), { maxLength: 3 }),
        (text, at) => {
          const request = `${text}\r\n\r\n`;
          const cuts = at.filter((cut) => cut < request.length).sort((a, b) => a - b);
          const actual = seen(parseInPieces(request, cuts));
          expect(actual).toEqual(referenceRequest(request));
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe("a head that reads one request after the other", () => {
  const LINES = [
    "GET / HTTP/1.1",
    "GET /longer?target HTTP/1.1",
    "POST / HTTP/1.0",
    "POST http://other:81/x HTTP/1.1",
    "OPTIONS * HTTP/1.1",
  ];
  const FIELDS = [
    "",
    "Host: h",
    "Host: i",
    "host: h",
    "Host: h\r\nContent-Length: 5",
    "Host: h\r\nContent-Length: 6",
    "Host: h\r\nContent-Length: 5\r\nExpect: 100-continue",
    "Host: h\r\nTransfer-Encoding: chunked",
    "X-A: 1\r\nHost: h\r\nConnection: X-A, close",
    "X-A: 1\r\nHost: h\r\nConnection: X-B, close",
    "Host: h\r\nUpgrade: websocket\r\nConnection: upgrade",
    "Host: h\r\nConnection: keep-alive",
    `Host: h\r\nX-Long: ${"a".repeat(2040)}`,
    `Host: h\r\nX-Long: ${"a".repeat(2039)}b`,
  ];
  const limits = { head: 2200, target: 100, fields: 4 };

  /** All that anybody reads off a head. */
  function read(head: RequestHead, verdict: number): object {
    if (verdict !== DONE) return { verdict };
    const { fields, expectsContinue, upgrade, form } = head;
    const ids = Array.from({ length: fields.count }, (_, field) => fields.id(field));
    const rest = head.bytes.toString("latin1", head.end, head.end + 5);
    const known = fields.seen;
    return { ...seen({ head, verdict }), expectsContinue, upgrade, form, ids, known, rest };
  }

  test("says of each what a new one says, and sees again what it has seen", () => {
    let repeats = 0;
    const request = fc.record({
      line: fc.constantFrom(...LINES),
      fields: fc.constantFrom(...FIELDS),
      at: fc.nat(40),
      cut: fc.nat(80),
    });
    const requests = fc.array(request, { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(requests, (all) => {
        const kept = new RequestHead();
        let before = "";
        for (const { line, fields, at, cut } of all) {
          const text = `${line}\r\n${fields}${fields === "" ? "" : "\r\n"}\r\n`;
          const bytes = bytesOf(`${"\xee".repeat(at)}${text}hello`);
          const parse = (head: RequestHead): object => {
            head.reset(at);
            const end = at + text.length;
            let verdict = head.parse(bytes, Math.min(at + cut, end), limits);
            if (verdict === MORE) verdict = head.parse(bytes, bytes.length, limits);
            return read(head, verdict);
          };
          const { version } = kept.fields;
          const expected = parse(new RequestHead());
          expect(parse(kept)).toEqual(expected);
          // Whoever refuses a request parses no other.
          if ("verdict" in expected) return;
          const same = `${line.at(-1)} ${fields}`;
          const repeated = kept.fields.version === version;
          if (same !== before) expect(repeated).toBe(false);
          if (repeated) repeats++;
          before = same;
          // As reading the body does.
          kept.expectsContinue = false;
        }
      }),
      { numRuns: 2000 },
    );
    expect(repeats).toBeGreaterThan(100);
  });
});
