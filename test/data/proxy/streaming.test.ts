// Large bodies stay on the wire: whatever the slower side does, memory stays bounded.

import { describe, expect, test } from "bun:test";
import { OK, rawBackend } from "../../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";
import { RawClient } from "../../support/raw-client.ts";

describe.each(TRANSPORTS)("%s", (transport) => {
  const MB = 1024 * 1024;
  const SIZE = 256 * MB;
  const PIECE = new Uint8Array(MB);
  /** Both ends live in this process as well, so some of it is theirs. */
  const BOUND = 96 * MB;

  function memory(): () => number {
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    return () => process.memoryUsage.rss() - before;
  }

  async function sendAll(send: (piece: Uint8Array) => Promise<void>): Promise<void> {
    for (let sent = 0; sent < SIZE; sent += PIECE.length) await send(PIECE);
  }

  describe("256 MB", () => {
    test.each([
      ["with a length", `Content-Length: ${SIZE}\r\n`],
      ["without one", "Connection: close\r\n"],
    ])(
      "down to a client that stops reading, %s",
      async (_, length) => {
        let sent = 0;
        using backend = rawBackend(async (_request, { write, socket }) => {
          await write(`HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n${length}\r\n`);
          await sendAll(async (piece) => {
            await write(piece);
            sent += piece.length;
          });
          socket.end();
        });
        await using proxy = startProxy({ transport, backends: [backend.url] });
        using client = await RawClient.connect(proxy.port, { keep: false });
        const grown = memory();
        await client.send(requestText("GET /"));
        await client.until(({ received }) => received > 0);
        client.pause();
        // Long enough for everything to arrive if nothing held it back.
        await Bun.sleep(1500);
        expect(sent).toBeLessThan(SIZE / 2);
        expect(grown()).toBeLessThan(BOUND);
        client.resume();
        await client.until(({ received }) => received > SIZE);
        expect(grown()).toBeLessThan(BOUND);
        await proxy.idle();
        expect(proxy.logLines()[0]).toMatchObject({ bytes: SIZE, status: 200 });
      },
      30_000,
    );

    test("up to a backend that stops reading", async () => {
      let received = 0;
      const listener = Bun.listen({
        hostname: "127.0.0.1",
        port: 0,
        socket: {
          data(socket, data) {
            const first = received === 0;
            received += data.length;
            if (first) {
              socket.pause();
              setTimeout(() => socket.resume(), 1500);
            }
            if (received > SIZE) socket.write(OK);
          },
        },
      });
      await using proxy = startProxy({
        transport,
        backends: [`http://127.0.0.1:${listener.port}`],
        config: { maxBody: 0 },
      });
      using client = await RawClient.connect(proxy.port);
      const grown = memory();
      let sent = 0;
      await client.send(requestText("POST /", { "Content-Length": String(SIZE) }));
      const sending = sendAll(async (piece) => {
        await client.send(piece);
        sent += piece.length;
      });
      await Bun.sleep(1000);
      expect(sent).toBeLessThan(SIZE / 2);
      expect(grown()).toBeLessThan(BOUND);
      await sending;
      await client.until(({ text }) => text.startsWith("HTTP/1.1 200"));
      expect(grown()).toBeLessThan(BOUND);
      listener.stop(true);
    }, 30_000);
  });
});
