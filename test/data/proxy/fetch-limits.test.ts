// What Bun's client does to messages and the gateway cannot undo: each is in the README's limits. A test
// that fails here with a newer Bun says that a limit is gone, or has become another.

import { describe, expect, test } from "bun:test";
import { OK, rawBackend } from "../../support/backend.ts";
import { requestText, startProxy } from "../../support/proxy.ts";
import { type RawAnswer, RawClient, valuesOf } from "../../support/raw-client.ts";

const HEAD = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`;

async function answered(answer: string | Buffer): Promise<RawAnswer> {
  using backend = rawBackend((_request, { write }) => write(answer));
  await using proxy = startProxy({ transport: "fetch", backends: [backend.url] });
  using client = await RawClient.connect(proxy.port);
  return await client.exchange(requestText("GET /"));
}

async function forwarded(lines: string) {
  using backend = rawBackend();
  await using proxy = startProxy({ transport: "fetch", backends: [backend.url] });
  using client = await RawClient.connect(proxy.port);
  const { status } = await client.exchange(`GET / HTTP/1.1\r\nHost: h\r\n${lines}\r\n`);
  return { status, requests: backend.requests };
}

describe("an answer", () => {
  test.each([
    ["two equal lengths", `${HEAD}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`],
    ["lines that end in LF alone", "HTTP/1.1 200 OK\nX-A: 1\nContent-Length: 2\n\nok"],
    ["two spaces before its status", "HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok"],
    ["trailers that are none", `${CHUNKED}2;\0\r\nok\r\n0\r\nno trailer\r\n\r\n`],
    ["chunks in HTTP/1.0", `${CHUNKED.replace("1.1", "1.0")}2\r\nok\r\n0\r\n\r\n`],
  ])("with %s is taken, and handed on with one meaning", async (_, answer) => {
    const { status, body, headers } = await answered(answer);
    expect(status).toBe(200);
    expect(body).toBe("ok");
    expect(headers.filter(([name]) => name === "content-length")).toHaveLength(1);
  });

  test("loses interim answers before it", async () => {
    const { status } = await answered(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}`);
    expect(status).toBe(200);
  });

  test("gets the usual reason where it had none; bytes that are no UTF-8 are lost", async () => {
    const none = await answered("HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok");
    expect(none.statusText).toBe("OK");
    const latin = Buffer.from("HTTP/1.1 200 Caf\xe9\r\nContent-Length: 2\r\n\r\nok", "latin1");
    expect((await answered(latin)).statusText).toBe("Caf\xef\xbf\xbd");
  });

  test("has fields of one name as one, but cookies", async () => {
    const lines = "X-A: 1\r\nSet-Cookie: a=1\r\nX-A: 2\r\nSet-Cookie: b=2\r\n";
    const answer = await answered(`${HEAD}${lines}Content-Length: 2\r\n\r\nok`);
    expect(valuesOf(answer, "x-a")).toEqual(["1, 2"]);
    expect(valuesOf(answer, "set-cookie")).toEqual(["a=1", "b=2"]);
  });

  test.each([
    ["many names", Array.from({ length: 65 }, (_, i) => `x-${i}`).join(", ")],
    ["what is no list", 'x-a "b", x-64'],
  ])("with %s in its Connection is handed on without what it names", async (_, connection) => {
    const lines = `Connection: ${connection}\r\nX-64: 1\r\nX-Kept: 2\r\n`;
    const answer = await answered(`${HEAD}${lines}Content-Length: 2\r\n\r\nok`);
    expect([answer.status, answer.body]).toEqual([200, "ok"]);
    expect(valuesOf(answer, "x-64")).toEqual([]);
    expect(valuesOf(answer, "x-kept")).toEqual(["2"]);
  });

  test("that breaks off may lose its last bytes; it never looks whole", async () => {
    using backend = rawBackend(async (_request, { socket, write }) => {
      await write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`);
      socket.end();
    });
    await using proxy = startProxy({ transport: "fetch", backends: [backend.url] });
    for (let i = 0; i < 20; i++) {
      using client = await RawClient.connect(proxy.port);
      await client.send(requestText("GET /"));
      await client.untilClosed();
      expect(client.text).not.toContain("\r\n0\r\n");
    }
  });

  test("with neither length nor chunks looks whole however its connection ended", async () => {
    using backend = rawBackend(async (_request, { socket, write }) => {
      await write(`${HEAD}\r\nhello`);
      await client.until(({ text }) => text.includes("hello"));
      socket.terminate();
    });
    await using proxy = startProxy({ transport: "fetch", backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    await client.send(requestText("GET /"));
    await client.until(({ text }) => text.endsWith("5\r\nhello\r\n0\r\n\r\n"));
  });

  test("with 256 fields is the largest", async () => {
    const fields = (count: number): string =>
      Array.from({ length: count - 1 }, (_, i) => `X-${i}: ${i}\r\n`).join("");
    const largest = await answered(`${HEAD}${fields(256)}Content-Length: 2\r\n\r\nok`);
    expect(largest.headers.filter(([name]) => /^x-\d+$/.test(name))).toHaveLength(255);
    const { status } = await answered(`${HEAD}${fields(257)}Content-Length: 2\r\n\r\nok`);
    expect(status).toBe(502);
  });
});

describe("a request", () => {
  test("has fields of one name as one", async () => {
    const { requests } = await forwarded("X-A: 1\r\nX-B: 3\r\nX-A: 2\r\n");
    expect(valuesOf(requests[0]!, "x-a")).toEqual(["1, 2"]);
  });

  const fields = (count: number): string =>
    Array.from({ length: count - 1 }, (_, i) => `X-${i}: ${i}\r\n`).join("");

  test("of 240 fields arrives whole, with what the gateway adds", async () => {
    const { status, requests } = await forwarded(fields(240));
    expect(status).toBe(200);
    const names = requests[0]!.headers.map(([name]) => name);
    expect(names.filter((name) => /^x-\d+$/.test(name))).toHaveLength(239);
    expect(names).toContain("x-forwarded-for");
    expect(names).toContain("x-forwarded-host");
    expect(names).toContain("x-request-id");
    expect(names).toContain("via");
  });

  test("of more is refused, as some of them would be lost in silence", async () => {
    const { status, requests } = await forwarded(fields(241));
    expect(status).toBe(431);
    expect(requests).toHaveLength(0);

    // Why: Bun's client sends 250 at most.
    using backend = rawBackend();
    const headers = Array.from({ length: 260 }, (_, i): [string, string] => [`x-${i}`, "1"]);
    await fetch(backend.url, { headers });
    const sent = backend.requests[0]!.headers.filter(([name]) => /^x-\d+$/.test(name));
    expect(sent.length).toBeLessThan(260);
  });
});

test("a target reaches the backend byte for byte, or is refused", async () => {
  using backend = rawBackend();
  await using proxy = startProxy({ backends: [backend.url] });
  const bytes = Array.from({ length: 0xff - 0x20 }, (_, i) => String.fromCharCode(0x21 + i));
  const targets = [
    ...bytes.flatMap((byte) => [`/a${byte}b`, `/${byte}`, `/a?b=${byte}c`]),
    ..."/. /.. /a/.. /a/.b /..b /a.b /a.. /%2e /a/.%2E /%2f /a%2e".split(" "),
    ..."// //a /a//b /a?b=/../c /? /a?".split(" "),
  ];
  const passed: string[] = [];
  for (const target of targets) {
    // What is no request at all ends its connection.
    using client = await RawClient.connect(proxy.port);
    const { status } = await client.exchange(requestText(`GET ${target}`));
    if (status === 200) passed.push(target);
    else expect(status).toBe(400);
  }
  expect(backend.requests.map(({ target }) => target)).toEqual(passed);
  // Those that clients send are not among the refused.
  expect(passed).toEqual(expect.arrayContaining(["/a-b", "/a.b", "/a%2e", "/a?", "/a~b", "/%2f"]));
});
