// Requests that are nearly right: seeds from everyday and from odd HTTP, changed at random. The same
// number always gives the same input. One character is one byte.

const SEEDS: readonly string[] = [
  "GET /plain HTTP/1.1\r\nHost: h\r\n\r\n",
  "GET /?client_id=known HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-B:  two words \r\n\r\n",
  "GET /p?a=b&client%5Fid=known&c HTTP/1.1\r\nHost: h:80\r\nAccept: */*\r\n\r\n",
  "HEAD /head?client_id=known HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
  "DELETE /d HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
  "GET http://other/abs?x HTTP/1.1\r\nHost: h\r\n\r\n",
  "POST /cl HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world",
  "PUT /cl?client_id=known HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc",
  "POST /te HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
  "POST /tr HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n",
  "POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
  "GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  "GET /hop HTTP/1.1\r\nHost: h\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nKeep-Alive: timeout=5\r\n\r\n",
  "GET /one HTTP/1.1\r\nHost: h\r\n\r\nGET /two?client_id=known HTTP/1.1\r\nHost: h\r\n\r\n",
  "POST /first HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbodyGET /second HTTP/1.1\r\nHost: h\r\n\r\n",
  "GET /-/healthy HTTP/1.1\r\nHost: h\r\n\r\n",
  "GET /clients?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
];

/** What parsers have disagreed about. */
const PIECES: readonly string[] = [
  ...'\r|\n|\r\n|\r\n\r\n|\0| |\t|:|;|,|/|\\|?|#|%|&|=|"|\x0b|\x0c|\x7f|\x80|\u00ff|-|+|_|*|0|9|f'.split(
    "|",
  ),
  "Content-Length: 5\r\n",
  "Content-Length: 0\r\n",
  "Content-Length: +3\r\n",
  "Content-Length: 3, 3\r\n",
  "Content_Length: 3\r\n",
  "Content-Length : 3\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: identity\r\n",
  "Transfer-Encoding: gzip, chunked\r\n",
  "Transfer-Encoding:\x0bchunked\r\n",
  "transfer-encoding: CHUNKED\r\n",
  " folded\r\n",
  "Host: x\r\n",
  "Host:\r\n",
  "X-Forwarded-For: 1.2.3.4\r\n",
  "Connection: Content-Length\r\n",
  "Connection: close\r\n",
  "Expect: 100-continue\r\n",
  "Upgrade: h2c\r\n",
  "HTTP/1.0",
  "HTTP/1.1",
  "HTTP/2.0",
  "GET /x HTTP/1.1\r\nHost: y\r\n\r\n",
  "0\r\n\r\n",
  "1\r\nZ\r\n",
  "ffffffffffffffff\r\n",
  "client_id=known",
  "&client_id=other",
  "%63lient_id=known&",
  "/../",
  "/./",
  "//",
  "%2e%2e/",
  "%00",
  "%zz",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

/** Mulberry32: a number in [0, 1) from a state of 32 bits. */
export function randomFrom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

/** The input of this number: unchanged seeds among them. */
export function mutant(random: () => number): string {
  const below = (n: number): number => Math.floor(random() * n);
  const one = <T>(list: readonly T[]): T => list[below(list.length)]!;
  let text = one(SEEDS);
  for (let changes = below(5); changes > 0; changes--) {
    const at = below(text.length + 1);
    const end = Math.min(text.length, at + 1 + below(8));
    switch (below(8)) {
      case 0:
      case 1:
      case 2:
        text = text.slice(0, at) + one(PIECES) + text.slice(at);
        break;
      case 3:
        text = text.slice(0, at) + text.slice(end);
        break;
      case 4:
        text = text.slice(0, end) + text.slice(at);
        break;
      case 5:
        text = text.slice(0, at) + String.fromCharCode(below(256)) + text.slice(at + 1);
        break;
      case 6: {
        const other = one(SEEDS);
        text = text.slice(0, at) + other.slice(below(other.length));
        break;
      }
      default: {
        // At the start of a line, where fields belong.
        const line = text.indexOf("\r\n", at);
        if (line >= 0) text = text.slice(0, line + 2) + one(PIECES) + text.slice(line + 2);
      }
    }
  }
  return text;
}
