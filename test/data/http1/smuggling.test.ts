// Known ways to make two parsers disagree about a request, and what has to become of each: a status
// that refuses it, or 200 where it has only one meaning.

import { expect, test } from "bun:test";
import { ChunkedDecoder, CHUNK_DONE, CHUNK_FAULT } from "../../../src/data/http1/chunked.ts";
import { bytesOf, parseInPieces, seen } from "./pieces.ts";

const post = (fields: string): string => `POST / HTTP/1.1\r\nHost: h\r\n${fields}\r\n\r\n`;
const get = (line: string, fields = "Host: h"): string => `${line}\r\n${fields}\r\n\r\n`;

const HEADS: readonly (readonly [string, number, string])[] = [
  ["TE and CL", 400, post("Transfer-Encoding: chunked\r\nContent-Length: 4")],
  ["CL and TE", 400, post("Content-Length: 4\r\nTransfer-Encoding: chunked")],
  ["TE twice", 400, post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")],
  ["TE twice, one unknown", 400, post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x")],
  ["TE identity", 400, post("Transfer-Encoding: identity")],
  ["TE list ending in chunked", 501, post("Transfer-Encoding: gzip, chunked")],
  ["TE chunked not last", 400, post("Transfer-Encoding: chunked, gzip")],
  ["TE chunked twice in a list", 400, post("Transfer-Encoding: chunked, chunked")],
  ["TE x-prefixed", 400, post("Transfer-Encoding: xchunked")],
  ["TE suffixed", 400, post("Transfer-Encoding: chunkedx")],
  ["TE quoted", 400, post('Transfer-Encoding: "chunked"')],
  ["TE single quotes", 400, post("Transfer-Encoding: 'chunked'")],
  ["TE with a parameter", 400, post("Transfer-Encoding: chunked;q=1")],
  ["TE with a leading comma", 400, post("Transfer-Encoding: ,chunked")],
  ["TE with a trailing comma", 400, post("Transfer-Encoding: chunked,")],
  ["TE empty", 400, post("Transfer-Encoding:")],
  ["TE with vertical tab", 400, post("Transfer-Encoding:\x0bchunked")],
  ["TE with form feed", 400, post("Transfer-Encoding: chunked\x0c")],
  ["TE with NUL", 400, post("Transfer-Encoding: chunked\0")],
  ["TE with a no-break space", 400, post("Transfer-Encoding: \xa0chunked")],
  ["TE with a soft high byte", 400, post("Transfer-Encoding: chunke\xe4")],
  ["TE with a space before the colon", 400, post("Transfer-Encoding : chunked")],
  ["TE with a tab before the colon", 400, post("Transfer-Encoding\t: chunked")],
  ["TE folded", 400, post("Transfer-Encoding:\r\n chunked")],
  ["TE on a folded line of another field", 400, post("A: b\r\n Transfer-Encoding: chunked")],
  ["TE behind a bare CR", 400, post("A: b\rTransfer-Encoding: chunked")],
  ["TE behind a bare LF", 400, post("A: b\nTransfer-Encoding: chunked")],
  ["TE behind LF CR", 400, post("A: b\n\rTransfer-Encoding: chunked")],
  ["TE in upper case", 200, post("TRANSFER-ENCODING: CHUNKED")],
  ["TE with a tab behind the colon", 200, post("Transfer-Encoding:\tchunked")],
  ["TE in HTTP/1.0", 400, "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["CL twice, different", 400, post("Content-Length: 4\r\nContent-Length: 5")],
  ["CL twice, the same", 400, post("Content-Length: 4\r\nContent-Length: 4")],
  ["CL as a list", 400, post("Content-Length: 4, 4")],
  ["CL with plus", 400, post("Content-Length: +4")],
  ["CL negative", 400, post("Content-Length: -4")],
  ["CL hexadecimal", 400, post("Content-Length: 0x4")],
  ["CL with a fraction", 400, post("Content-Length: 4.0")],
  ["CL with an exponent", 400, post("Content-Length: 4e0")],
  ["CL with an underscore", 400, post("Content-Length: 1_0")],
  ["CL with a space inside", 400, post("Content-Length: 1 0")],
  ["CL empty", 400, post("Content-Length:")],
  ["CL quoted", 400, post('Content-Length: "4"')],
  ["CL beyond 2^53", 400, post("Content-Length: 9007199254740992")],
  ["CL beyond 2^64", 400, post("Content-Length: 18446744073709551620")],
  ["CL with leading zeros", 200, post("Content-Length: 0004")],
  ["CL with a space before the colon", 400, post("Content-Length : 4")],
  ["CL folded", 400, post("Content-Length:\r\n 4")],
  ["two Hosts", 400, get("GET / HTTP/1.1", "Host: a\r\nHost: b")],
  ["two equal Hosts", 400, get("GET / HTTP/1.1", "Host: a\r\nHost: a")],
  ["no Host", 400, get("GET / HTTP/1.1", "A: b")],
  ["an empty Host", 400, get("GET / HTTP/1.1", "Host:")],
  ["a Host with a path", 400, get("GET / HTTP/1.1", "Host: a/b")],
  ["a Host with user information", 400, get("GET / HTTP/1.1", "Host: u@a")],
  ["a Host list", 400, get("GET / HTTP/1.1", "Host: a, b")],
  ["a Host with a bad port", 400, get("GET / HTTP/1.1", "Host: a:b")],
  ["a Host with a huge port", 400, get("GET / HTTP/1.1", "Host: a:65536")],
  ["a Host with an open bracket", 400, get("GET / HTTP/1.1", "Host: [::1")],
  ["a Host with a bad percent", 400, get("GET / HTTP/1.1", "Host: a%2")],
  ["a Host before which a space stands", 400, get("GET / HTTP/1.1", " Host: a")],
  ["a first field line that is folded", 400, get("GET / HTTP/1.1", "\tHost: a")],
  ["a field without a colon", 400, post("A")],
  ["a field without a name", 400, post(": a")],
  ["a name with a NUL", 400, post("A\0B: c")],
  ["a name with a high byte", 400, post("\xc4: c")],
  ["a name in parentheses", 400, post("(A): c")],
  ["a value with DEL", 400, post("A: \x7f")],
  ["a line feed alone ends the head", 400, "GET / HTTP/1.1\nHost: h\n\n"],
  ["the empty line ends in LF alone", 400, "GET / HTTP/1.1\r\nHost: h\r\n\n"],
  ["the empty line is CR CR LF", 400, "GET / HTTP/1.1\r\nHost: h\r\n\r\r\n"],
  ["two empty lines first", 400, `\r\n\r\n${get("GET / HTTP/1.1")}`],
  ["a space first", 400, ` ${get("GET / HTTP/1.1")}`],
  ["two spaces in the line", 400, get("GET  / HTTP/1.1")],
  ["a tab in the line", 400, get("GET\t/ HTTP/1.1")],
  ["a space behind the version", 400, get("GET / HTTP/1.1 ")],
  ["a space in the target", 400, get("GET /a b HTTP/1.1")],
  ["a fragment", 400, get("GET /#a HTTP/1.1")],
  ["a NUL in the target", 400, get("GET /\0 HTTP/1.1")],
  ["a CR in the target", 400, get("GET /\rA HTTP/1.1")],
  ["a target without a slash", 400, get("GET a HTTP/1.1")],
  ["an https target", 400, get("GET https://h/ HTTP/1.1")],
  ["a target without a host", 400, get("GET http:///a HTTP/1.1")],
  ["a target with user information", 400, get("GET http://u@h/ HTTP/1.1")],
  ["* without OPTIONS", 400, get("GET * HTTP/1.1")],
  ["no version", 400, get("GET /")],
  ["a lower-case version", 400, get("GET / http/1.1")],
  ["a long version", 400, get("GET / HTTP/1.10")],
  ["version 1.2", 505, get("GET / HTTP/1.2")],
  ["version 0.9", 505, get("GET / HTTP/0.9")],
  ["the preface of HTTP/2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["a method with a colon", 400, get("GE:T / HTTP/1.1")],
  ["a method of 33 bytes", 400, get(`${"A".repeat(33)} / HTTP/1.1`)],
  ["a Connection that is no list", 400, post("Connection: a b")],
  ["an unknown expectation", 417, post("Expect: 200-ok\r\nContent-Length: 1")],
];

const BODIES: readonly (readonly [string, boolean, string])[] = [
  ["a plain body", true, "5\r\nhello\r\n0\r\n\r\n"],
  ["an extension", true, "5;a=b\r\nhello\r\n0;c\r\n\r\n"],
  ["a trailer", true, "0\r\nA: b\r\n\r\n"],
  ["leading zeros", true, "0005\r\nhello\r\n000\r\n\r\n"],
  ["a size with 0x", false, "0x5\r\nhello\r\n0\r\n\r\n"],
  ["a size with plus", false, "+5\r\nhello\r\n0\r\n\r\n"],
  ["a negative size", false, "-5\r\nhello\r\n0\r\n\r\n"],
  ["a size with an underscore", false, "1_0\r\nhello\r\n0\r\n\r\n"],
  ["a size with a space before", false, " 5\r\nhello\r\n0\r\n\r\n"],
  ["a size with a space behind", false, "5 \r\nhello\r\n0\r\n\r\n"],
  ["a size of 17 digits", false, "10000000000000005\r\nhello\r\n0\r\n\r\n"],
  ["no size", false, "\r\nhello\r\n0\r\n\r\n"],
  ["a size line of LF", false, "5\nhello\r\n0\r\n\r\n"],
  ["a size line of CR CR LF", false, "5\r\r\nhello\r\n0\r\n\r\n"],
  ["data that ends in LF", false, "5\r\nhello\n0\r\n\r\n"],
  ["data without an end", false, "5\r\nhello0\r\n\r\n"],
  ["data longer than its size", false, "5\r\nhello!\r\n0\r\n\r\n"],
  ["an LF in an extension", false, "5;a\nhello\r\n0\r\n\r\n"],
  ["a bare CR in an extension", false, "5;a\rb\r\nhello\r\n0\r\n\r\n"],
  ["a body that ends in LF", false, "0\r\n\n"],
  ["a last size line of LF", false, "0\n\r\n"],
  ["a folded trailer", false, "0\r\nA: b\r\n c\r\n\r\n"],
  ["a trailer with a space before the colon", false, "0\r\nA : b\r\n\r\n"],
  ["a trailer line of LF", false, "0\r\nA: b\n\r\n"],
  ["a request in the trailers", false, "0\r\nGET / HTTP/1.1\r\n\r\n"],
];

test.each(HEADS.map(([name, status, text]) => ({ name, status, text })))(
  "head: $name",
  ({ status, text }) => {
    expect(seen(parseInPieces(text)).status).toBe(status);
  },
);

test.each(BODIES.map(([name, valid, text]) => ({ name, valid, text })))(
  "chunks: $name",
  ({ valid, text }) => {
    const decoder = new ChunkedDecoder();
    const bytes = bytesOf(text);
    let result: number;
    do result = decoder.decode(bytes, bytes.length);
    while (result !== CHUNK_DONE && result !== CHUNK_FAULT && decoder.next < bytes.length);
    expect(result).toBe(valid ? CHUNK_DONE : CHUNK_FAULT);
  },
);
