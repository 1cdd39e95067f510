// What a request passes on its way, step by step: `bun run bench:micro`.

import { beginRequest, endRequest } from "../../src/data/http1/forwarded-head.ts";
import { MessageWriter } from "../../src/data/http1/message-writer.ts";
import { HEAD_LIMITS, RequestHead } from "../../src/data/http1/request-head.ts";
import { redact } from "../../src/data/proxy/access-log.ts";
import { findClientId } from "../../src/data/proxy/client-id.ts";
import { createLogger } from "../../src/shared/log.ts";
import { measure } from "./measure.ts";

const short = Buffer.from("GET /?client_id=client-123 HTTP/1.1\r\nHost: localhost:3030\r\n\r\n");
const browser = Buffer.from(
  "GET /shop/items?page=3&client_id=client-123&sort=price HTTP/1.1\r\nHost: shop.example.com\r\n" +
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
    "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
    "Connection: keep-alive\r\nCookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n" +
    "Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Mode: navigate\r\nPriority: u=0, i\r\n\r\n",
);
const head = new RequestHead();
const writer = new MessageWriter();
const place = { start: 0, end: 0 };

for (const [name, bytes] of [
  ["of wrk", short],
  ["of a browser", browser],
] as const) {
  const parse = (): void => {
    head.reset(0);
    head.parse(bytes, bytes.length, HEAD_LIMITS);
  };
  measure(`request head ${name}: parsed`, 3e5, parse);
  measure(`request head ${name}: written for the backend`, 3e5, () => {
    beginRequest(writer, head, 0, false, "10.0.0.1:8080");
    endRequest(writer, head);
  });
  measure(`request head ${name}: client_id found`, 3e5, () =>
    findClientId(head.bytes, head.pathStart, head.targetEnd, place),
  );
}

let length = 0;
const output = { write: (line: string) => void (length += line.length) };
for (const format of ["json", "text"] as const) {
  const log = createLogger({ level: "info", format, component: "access", writer: output });
  measure(`a line of the access log, ${format}`, 1e5, (i) =>
    log.info("request", {
      request_id: "0f8fad5bd9cb469fa16570867728950e",
      client: "client-123",
      address: "127.0.0.1",
      decision: "admitted",
      backend: "http://127.0.0.1:8080",
      status: 200,
      bytes: 100,
      duration_ms: i,
      method: "GET",
      path: redact("/?client_id=client-123"),
    }),
  );
}
