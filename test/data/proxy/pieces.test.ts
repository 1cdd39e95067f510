// The memory of relayed pieces is given back as soon as they are written, and not one byte sooner:
// what arrives is what was sent, however it was framed and however slowly it was read.

import { describe, expect, spyOn, test } from "bun:test";
import { rawBackend } from "../../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";
import { RawClient } from "../../support/raw-client.ts";

const MB = 1 << 20;
const SIZE = 24 * MB;
const READERS = 60;
const CONTENT = Buffer.alloc(SIZE);
for (let at = 0; at < SIZE; at += 65_536) crypto.getRandomValues(CONTENT.subarray(at, at + 65_536));
const HASH = Bun.hash(CONTENT);

/** In chunks of 1 byte to 300 KB, so that pieces end everywhere in them. */
function chunked(): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0, turn = 0; at < SIZE; turn++) {
    const size = Math.min(SIZE - at, [1, 17_000, 300_000, 5_000, 120_000][turn % 5]!);
    parts.push(Buffer.from(`${size.toString(16)}\r\n`), CONTENT.subarray(at, at + size));
    parts.push(Buffer.from("\r\n"));
    at += size;
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

/** Rests whenever it has read another megabyte. */
async function* slowly(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  let unread = MB;
  for await (const piece of body) {
    yield piece;
    unread -= piece.length;
    if (unread > 0) continue;
    unread = MB;
    await Bun.sleep(5);
  }
}

async function hashOf(body: ReadableStream<Uint8Array>): Promise<number | bigint> {
  const all = Buffer.alloc(SIZE);
  let at = 0;
  for await (const piece of slowly(body)) {
    all.set(piece, at);
    at += piece.length;
  }
  return at === SIZE ? Bun.hash(all) : at;
}

describe.each(TRANSPORTS)("by %s", (transport) => {
  test.each([
    ["with a length", `Content-Length: ${SIZE}`, () => CONTENT],
    ["in chunks", "Transfer-Encoding: chunked", chunked],
  ])("down to slow readers, %s", async (_, framing, body) => {
    const framed = body();
    using backend = rawBackend(async (_request, { write }) => {
      await write(`HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n${framing}\r\n\r\n`);
      await write(framed);
    });
    await using proxy = startProxy({ transport, backends: [backend.url] });
    const read = async () => await hashOf((await fetch(proxy.url)).body!);
    expect(await Promise.all([read(), read(), read()])).toEqual([HASH, HASH, HASH]);
  });

  test.each([
    ["with a length", `Content-Length: ${SIZE}`, () => CONTENT],
    ["in chunks", "Transfer-Encoding: chunked", chunked],
  ])("up to slow backends, %s", async (_, framing, body) => {
    const framed = body();
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      maxRequestBodySize: 2 * SIZE,
      fetch: async (request) => new Response(String(await hashOf(request.body!))),
    });
    const backends = [`http://127.0.0.1:${server.port}`];
    await using proxy = startProxy({ transport, backends, config: { maxBody: 0 } });
    const [name = "", value = ""] = framing.split(": ");
    const send = async (): Promise<string> => {
      using client = await RawClient.connect(proxy.port);
      await client.send(requestText("POST /", { [name]: value, Connection: "close" }));
      await client.send(framed);
      await client.untilClosed();
      return client.text;
    };
    for (const text of await Promise.all([send(), send()])) expect(text).toContain(String(HASH));
    await server.stop(true);
  });

  test(`${READERS} clients that do not read hold back their backends and nobody else`, async () => {
    let sent = 0;
    using backend = rawBackend(async ({ target }, { write }) => {
      if (target === "/ok") return write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      await write(`HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: ${SIZE}\r\n\r\n`);
      for (let at = 0; at < SIZE; at += MB) {
        await write(CONTENT.subarray(at, at + MB));
        sent += MB;
      }
    });
    await using proxy = startProxy({ transport, backends: [backend.url] });
    const readers = await Promise.all(
      Array.from({ length: READERS }, async () => {
        const client = await RawClient.connect(proxy.port, { keep: false });
        await client.send(requestText("GET /large"));
        await client.until(({ received }) => received > 0);
        client.pause();
        return client;
      }),
    );
    // Until nothing moves any more; others are answered all the while.
    for (let before = -1; sent !== before;) {
      before = sent;
      for (let i = 0; i < 20; i++) {
        expect(await (await fetch(`${proxy.url}/ok`)).text()).toBe("ok");
        await Bun.sleep(10);
      }
    }
    // What the kernel keeps for four sockets each, and one piece of ours.
    expect(sent / READERS).toBeLessThan((SIZE * 2) / 3);
    readers[0]!.resume();
    await readers[0]!.until(({ received }) => received > SIZE);
    for (const reader of readers) reader.leave();
    await proxy.idle();
  }, 30_000);
});

test("by pooled connections, no piece is left to the collector", async () => {
  const transfer = ArrayBuffer.prototype.transfer;
  let freed = 0;
  // The way back begins when the way there has been counted.
  const counted = Promise.withResolvers<void>();
  using backend = rawBackend(async (request, { write }) => {
    await backend.until(() => request.body.length >= SIZE);
    await write(`HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: ${SIZE}\r\n\r\n`);
    await counted.promise;
    await write(CONTENT);
  });
  const backends = [backend.url];
  await using proxy = startProxy({ transport: "pooled", backends, config: { maxBody: 0 } });
  const spy = spyOn(ArrayBuffer.prototype, "transfer").mockImplementation(function (
    this: ArrayBuffer,
    size,
  ) {
    freed += this.byteLength;
    return transfer.call(this, size);
  });
  try {
    const answer = await fetch(proxy.url, { method: "POST", body: CONTENT });
    expect(freed).toBeWithin(SIZE * 0.9, SIZE * 1.1);
    counted.resolve();
    expect(await hashOf(answer.body!)).toBe(HASH);
    expect(freed).toBeWithin(SIZE * 1.8, SIZE * 2.2);
  } finally {
    counted.resolve();
    spy.mockRestore();
  }
});
