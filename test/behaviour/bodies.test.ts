// The memory that bodies pass through is used again for others while many are on their way: each of them
// has to arrive as it was sent, and to come back so.

import { describe, expect, test } from "bun:test";
import { closedPort } from "../support/backend.ts";
import { SOCKETS } from "../support/own-sockets.ts";
import { requestText, startProxy, TRANSPORTS } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";

const CLIENTS = 16;
const TURNS = 24;
/** Around the sizes of pieces, of what is copied, and of what is kept to be sent again. */
const SIZES = [
  0, 1, 700, 1900, 2047, 2048, 2049, 6000, 10_240, 16_000, 16_384, 16_385, 20_000, 65_536, 70_000,
  530_000,
];

/** A body that no other equals, of which every part tells its place. */
function bodyOf(client: number, turn: number, size: number): string {
  const mark = `${client}/${turn}/`;
  return mark.repeat(Math.ceil(size / mark.length)).slice(0, size);
}

function request(body: string, chunked: boolean): string {
  if (!chunked) return requestText("PUT /", { "Content-Length": String(body.length) }, body);
  const half = body.length >> 1;
  const chunks = [body.slice(0, half), body.slice(half)]
    .filter((part) => part !== "")
    .map((part) => `${part.length.toString(16)}\r\n${part}\r\n`);
  return requestText("PUT /", { "Transfer-Encoding": "chunked" }, `${chunks.join("")}0\r\n\r\n`);
}

/** Answers with what it got. What it got has to be as long as its head says. */
function echo(): Bun.Server<undefined> {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(asked) {
      const body = await asked.bytes();
      const stated = asked.headers.get("content-length");
      const whole = stated === null ? asked.headers.has("transfer-encoding") : Number(stated);
      return new Response(body, { status: whole === true || whole === body.length ? 200 : 400 });
    },
  });
}
const urlOf = ({ port }: Bun.Server<undefined>): string => `http://127.0.0.1:${port}`;

describe.each(SOCKETS)("over %s", (_, adoption) => {
  describe.each(TRANSPORTS)("by %s", (transport) => {
    test("bodies of all sizes at once come back as they were sent", async () => {
      using backend = echo();
      await using proxy = startProxy({ transport, adoption, backends: [urlOf(backend)] });
      const one = async (client: number): Promise<void> => {
        using raw = await RawClient.connect(proxy.port);
        for (let turn = 0; turn < TURNS; turn++) {
          const size = SIZES[(client * 7 + turn * 5) % SIZES.length]!;
          const chunked = (client + turn) % 3 === 0;
          const sent = bodyOf(client, turn, size);
          const { status, body } = await raw.exchange(request(sent, chunked));
          expect(status).toBe(200);
          // The difference itself would be half a megabyte.
          expect([turn, size, body === sent]).toEqual([turn, size, true]);
          raw.text = "";
        }
      };
      await Promise.all(Array.from({ length: CLIENTS }, (__, client) => one(client)));
      await proxy.idle();
      expect(proxy.errors).toEqual([]);
    }, 30_000);

    test("pipelined ones too", async () => {
      using backend = echo();
      await using proxy = startProxy({ transport, adoption, backends: [urlOf(backend)] });
      const one = async (client: number): Promise<void> => {
        using raw = await RawClient.connect(proxy.port);
        const all = SIZES.slice(0, 12).map((size, turn) => bodyOf(client, turn, size));
        await raw.send(all.map((body, turn) => request(body, turn % 4 === 1)).join(""));
        const answered = ({ text }: RawClient): number => text.split("HTTP/1.1 200 ").length - 1;
        const total = all.reduce((sum, body) => sum + body.length, 0);
        await raw.until((it) => answered(it) === all.length && it.text.length > total);
        await raw.until(({ text }) => text.endsWith(all.at(-1)!));
        const got = raw.text.split(/HTTP\/1\.1 200 [^]*?\r\n\r\n/).slice(1);
        expect(got.map((body, turn) => body === all[turn])).toEqual(all.map(() => true));
      };
      await Promise.all(Array.from({ length: CLIENTS }, (__, client) => one(client)));
      await proxy.idle();
    }, 30_000);
  });

  test("a body that came with its head is sent again after a try that reached nobody", async () => {
    using backend = echo();
    const closed = `http://127.0.0.2:${closedPort()}`;
    for (const transport of TRANSPORTS) {
      const backends = [closed, urlOf(backend)];
      await using proxy = startProxy({ transport, adoption, backends });
      const body = "x".repeat(9000);
      for (let i = 0; i < 2; i++) {
        using raw = await RawClient.connect(proxy.port);
        expect((await raw.exchange(request(body, false))).body).toBe(body);
      }
      expect(proxy.metrics.total("upstream_connect_failed")).toBeGreaterThan(0);
    }
  });
});
