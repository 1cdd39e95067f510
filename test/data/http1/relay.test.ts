import { heapStats } from "bun:jsc";
import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { DeadlineWheel } from "../../../src/data/http1/deadlines.ts";
import {
  Relay,
  type RelayEnd,
  type RelayFailure,
  type RelayPolicy,
} from "../../../src/data/http1/relay.ts";
import { type HttpServer, listenHttp } from "../../../src/data/http1/server.ts";
import { UpstreamPool, type UpstreamLimits } from "../../../src/data/http1/upstream-pool.ts";
import type { Adoption } from "../../../src/data/sockets/adoption.ts";
import { SOCKETS, ownSockets } from "../../support/own-sockets.ts";
import { RawBackend } from "./raw-backend.ts";
import { RawClient, atRest, flood } from "./raw-client.ts";
import { roundTrip } from "./round-trip.ts";

let adoption: Adoption | undefined;
const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0).toReversed()) close();
});
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

interface Proxy {
  readonly server: HttpServer;
  readonly pool: UpstreamPool;
  readonly wheel: DeadlineWheel;
  readonly failures: RelayFailure[];
  readonly ends: RelayEnd[];
}

/** A proxy that answers failures by 502 and their name, and retries a stale connection. */
function proxy(port: number, limits: Partial<UpstreamLimits> = {}, secondPort = 0): Proxy {
  const wheel = new DeadlineWheel(0);
  const second =
    secondPort === 0
      ? null
      : new UpstreamPool({ hostname: "127.0.0.1", port: secondPort, deadlines: wheel, adoption });
  const pool = new UpstreamPool({
    hostname: "127.0.0.1",
    port,
    deadlines: wheel,
    limits,
    adoption,
  });
  const failures: RelayFailure[] = [];
  const ends: RelayEnd[] = [];
  const policy: RelayPolicy = {
    requestDrops: 0,
    answerDrops: 0,
    maxBody: 100_000_000,
    requestFields: (writer) => void writer.text("X-Added: 1\r\n"),
    answerFields: (writer) => void writer.text("X-Back: 2\r\n"),
    onFailure: (relay, failure) => {
      failures.push(failure);
      if (failure === "stale" && relay.replayable) return relay.forward(pool, true);
      if (second !== null && relay.replayable) return relay.forward(second);
      relay.exchange.begin(502, "Bad Gateway");
      const body = Buffer.from(failure);
      relay.exchange.send(body.length, body, 0, body.length, true);
    },
    onBroken: () => {},
    onEnd: (_, end) => void ends.push(end),
  };
  const handler = (exchange: ConstructorParameters<typeof Relay>[0]): void =>
    new Relay(exchange, policy, exchange.head.upgrade).forward(pool);
  const server = listenHttp({
    hostname: "127.0.0.1",
    port: 0,
    deadlines: wheel,
    handler,
    adoption,
  });
  opened.push(() => {
    server.stop();
    pool.close();
  });
  return { server, pool, wheel, failures, ends };
}
async function scripted(onData?: RawBackend["onData"]): Promise<RawBackend> {
  const backend = await RawBackend.listen(onData);
  opened.push(() => backend.close());
  return backend;
}
async function answering(answer: string): Promise<RawBackend> {
  const backend = await RawBackend.answering(answer);
  opened.push(() => backend.close());
  return backend;
}
async function refusing(): Promise<number> {
  const backend = await RawBackend.listen();
  const { port } = backend;
  backend.close();
  return port;
}
async function client({ server }: Proxy): Promise<RawClient> {
  const raw = await RawClient.open(server.port);
  opened.push(() => raw.close());
  return raw;
}
const GET = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
/** Bytes that come one by one: in a piece of memory each, they take some 4 MB. */
const DRIPS = 2000;
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

describe.each(SOCKETS)("over %s", (_, sockets) => {
  beforeAll(() => {
    adoption = sockets;
  });
  describe("a request on its way", () => {
    test("keeps its target, fields and their order; what ends at this hop does not go on", async () => {
      const backend = await scripted();
      const raw = await client(proxy(backend.port));
      raw.send(
        'GET /a/../b\\"?\xfc' +
          " HTTP/1.1\r\naCCept:  x \r\nHost: h:1\r\nConnection: X-Mine, close\r\nx-mine: 1\r\nTE: trailers\r\n" +
          "Keep-Alive: 5\r\nProxy-Authorization: a\r\nX_Forwarded_For: 1\r\nX_Own: 2\r\nCookie: a\r\ncookie: b\r\n\r\n",
      );
      const { received } = await backend.request();
      expect(received).toBe(
        'GET /a/../b\\"?\xfc HTTP/1.1\r\nHost: h:1\r\naCCept:  x \r\nX_Own: 2\r\nCookie: a\r\ncookie: b\r\n' +
          "X-Added: 1\r\n\r\n",
      );
    });

    test("of absolute form goes to its own host, as path", async () => {
      const backend = await scripted();
      const raw = await client(proxy(backend.port));
      raw.send("GET http://other:7?q HTTP/1.1\r\nHost: h\r\n\r\n");
      expect((await backend.request()).received).toStartWith(
        "GET /?q HTTP/1.1\r\nHost: other:7\r\n",
      );
    });

    test.each([
      {
        name: "length",
        method: "POST",
        body: "Content-Length: 5\r\n\r\nhello",
        sent: "Content-Length: 5\r\n\r\nhello",
      },
      {
        name: "length, on GET",
        method: "GET",
        body: "Content-Length: 1\r\n\r\nx",
        sent: "Content-Length: 1\r\n\r\nx",
      },
      {
        name: "none",
        method: "POST",
        body: "Content-Length: 0\r\n\r\n",
        sent: "Content-Length: 0\r\n\r\n",
      },
      {
        name: "chunks",
        method: "DELETE",
        body: "Transfer-Encoding: chunked\r\n\r\n00A;x=y\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
        sent: "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
      },
    ])("takes its body along: $name", async ({ method, body, sent }) => {
      const backend = await scripted();
      const raw = await client(proxy(backend.port));
      raw.send(`${method} / HTTP/1.1\r\nHost: h\r\n${body}`);
      const connection = await backend.until(0, (received) => received.endsWith(sent));
      expect(connection.received).toBe(`${method} / HTTP/1.1\r\nHost: h\r\nX-Added: 1\r\n${sent}`);
      connection.socket.write(OK);
      await raw.contains("ok");
    });

    test.each(["length", "chunks"])(
      "with a large body by %s streams, held back while the backend does not read",
      async (framing) => {
        const backend = await scripted((connection) => void connection.socket.pause());
        const raw = await client(proxy(backend.port));
        const size = 60_000_000;
        const chunked = framing === "chunks";
        const length = chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${size}`;
        raw.send(`POST / HTTP/1.1\r\nHost: h\r\n${length}\r\n\r\n`);
        if (chunked) raw.send(`${size.toString(16)}\r\n`);
        flood(raw.socket, size);
        raw.send(chunked ? "\r\n0\r\n\r\n" : "");
        const connection = await backend.request();
        expect(await atRest(size, () => raw.socket.writableLength)).toBeGreaterThan(size / 4);
        let body = 0;
        const count = (): void => {
          const others = connection.received.replaceAll(/x+/g, "");
          body += connection.received.length - others.length;
          connection.received = others.slice(-16);
          if (body === size && (!chunked || connection.received.endsWith("\r\n0\r\n\r\n"))) {
            connection.socket.write(OK);
          }
        };
        backend.onData = count;
        count();
        connection.socket.resume();
        await raw.contains("ok");
      },
      20_000,
    );
  });

  describe("an answer on its way", () => {
    const cases: readonly (readonly [string, string, string])[] = [
      [
        "length, odd status and reason",
        "HTTP/1.1 799 \xdcber\r\nConnection: X-Hop\r\nX-Hop: 1\r\nA: b\r\nContent-Length: 2\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\nok",
        "HTTP/1.1 799 \xdcber\r\nA: b\r\nSet-Cookie: a\r\nset-cookie: b\r\nX-Back: 2\r\nContent-Length: 2\r\n\r\nok",
      ],
      [
        "chunks",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n002;x\r\nok\r\n0\r\nT: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-Back: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
      ],
      [
        "no body",
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nX-Back: 2\r\n\r\n",
      ],
      [
        "not modified",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nX-Back: 2\r\nContent-Length: 5\r\n\r\n",
      ],
      [
        "interim answers first",
        `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${OK}`,
        "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nX-Back: 2\r\nContent-Length: 2\r\n\r\nok",
      ],
    ];

    test.each(cases.map(([name, from, to]) => ({ name, from, to })))(
      "$name, however it is split",
      async ({ from, to }) => {
        const backend = await scripted();
        const through = proxy(backend.port);
        const raw = await client(through);
        for (let cut = 0; cut < from.length; cut += cut < 20 ? 1 : 5) {
          raw.received = "";
          raw.send(GET);
          const connection = await backend.request(0);
          connection.received = "";
          connection.socket.write(from.slice(0, cut), "latin1");
          if (cut > 0) await new Promise((resolve) => setTimeout(resolve, 1));
          connection.socket.write(from.slice(cut), "latin1");
          // A piece of a chunked body may be relayed as a chunk of its own.
          const joined = (text: string): string =>
            text.replace("1\r\no\r\n1\r\nk\r\n", "2\r\nok\r\n");
          await raw.until((received) => joined(received).length >= to.length);
          expect(joined(raw.received)).toBe(to);
        }
        expect(backend.connections).toHaveLength(1);
        expect(through.failures).toEqual([]);
      },
    );

    test("until the backend closes is chunked, or ends with the connection in HTTP/1.0", async () => {
      const backend = await scripted((connection) => {
        connection.socket.end("HTTP/1.1 200 OK\r\n\r\nabc");
      });
      const through = proxy(backend.port);
      const raw = await client(through);
      raw.send(GET);
      expect(await raw.contains("0\r\n\r\n")).toContain("3\r\nabc\r\n0\r\n\r\n");
      const old = await client(through);
      old.send("GET / HTTP/1.0\r\n\r\n");
      expect(await old.all()).toEndWith("\r\n\r\nabc");
      expect(await old.closed).toBe("end");
    });

    test("to HEAD has no body, and its length is kept", async () => {
      const backend = await answering("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n");
      const raw = await client(proxy(backend.port));
      raw.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nHEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
      await raw.until((received) => received.split("Content-Length: 1234\r\n\r\n").length === 3);
      expect(backend.connections).toHaveLength(1);
    });

    test("with a large body waits for a slow reader", async () => {
      const size = 60_000_000;
      const backend = await scripted((connection) => {
        connection.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        flood(connection.socket, size);
      });
      const raw = await client(proxy(backend.port));
      raw.socket.pause();
      raw.send(GET);
      const connection = await backend.request();
      expect(await atRest(size, () => connection.socket.writableLength)).toBeGreaterThan(size / 4);
      raw.socket.resume();
      await raw.until((received) => received.length > size);
    }, 20_000);

    test("is relayed though the connection broke under the rest of the request", async () => {
      const backend = await scripted();
      const through = proxy(backend.port);
      const raw = await client(through);
      raw.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
      flood(raw.socket, 300_000);
      const { socket } = await backend.until(0, (received) => received.length > 300_000);
      // More of the body, the answer and the reset are there before any of it is looked at.
      flood(raw.socket, 300_000);
      socket.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
      socket.resetAndDestroy();
      expect(await raw.contains("no")).toStartWith("HTTP/1.1 413 ");
      expect(through.failures).toEqual([]);
      while (through.pool.connections > 0) await settled();
    });

    test("may come before the request is complete; the backend connection is not used again", async () => {
      const backend = await scripted((connection) => {
        if (connection.received.includes("first")) connection.socket.write(OK);
      });
      const through = proxy(backend.port);
      const raw = await client(through);
      raw.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nfirst");
      expect(await raw.contains("ok")).toContain("Connection: close\r\n");
      while (through.pool.connections > 0) await settled();
    });
  });

  describe("kept connections", () => {
    test("are used again, the last one first, and dropped after their time", async () => {
      const backend = await answering(OK);
      const through = proxy(backend.port);
      const clients = await Promise.all([client(through), client(through), client(through)]);
      const [first] = clients;
      for (const raw of clients) raw.send(GET);
      for (const raw of clients) await raw.contains("ok");
      expect(through.pool.idle).toBeGreaterThan(0);
      const before = backend.connections.length;
      for (let i = 0; i < 10; i++) {
        first.received = "";
        first.send(GET);
        await first.contains("ok");
      }
      expect(backend.connections).toHaveLength(before);
      through.wheel.advance(5000);
      expect(through.pool.connections).toBe(0);
    });

    test.each([
      {
        name: "more bytes than the answer",
        answer: `${OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`,
      },
      {
        name: "Connection: close",
        answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
      },
      { name: "HTTP/1.0", answer: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok" },
      {
        name: "bytes after the last chunk",
        answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nevil",
      },
    ])("are not used again after $name", async ({ answer }) => {
      const backend = await answering(answer);
      const through = proxy(backend.port);
      const raw = await client(through);
      for (let i = 1; i <= 3; i++) {
        raw.received = "";
        raw.send(GET);
        await raw.contains("ok");
        while (through.pool.connections > 0) await settled();
        expect(backend.connections).toHaveLength(i);
      }
      expect(raw.received).not.toContain("evil");
    });

    test("that speak unasked are closed", async () => {
      const backend = await answering(OK);
      const through = proxy(backend.port);
      const raw = await client(through);
      raw.send(GET);
      await raw.contains("ok");
      backend.connections[0]!.socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
      while (through.pool.connections > 0) await settled();
      raw.received = "";
      raw.send(GET);
      expect(await raw.contains("ok")).not.toContain("evil");
    });

    test("that were closed meanwhile are reported as stale, and a fresh one answers", async () => {
      const backend = await answering(OK);
      const through = proxy(backend.port);
      const raw = await client(through);
      raw.send(GET);
      await raw.contains("ok");
      // The backend closes when the next request arrives: the race that a kept connection always has.
      backend.onData = (connection, self) => {
        self.onData = ({ socket }) => void socket.write(OK);
        connection.socket.resetAndDestroy();
      };
      raw.received = "";
      raw.send(GET);
      await raw.contains("ok");
      expect(through.failures).toEqual(["stale"]);
      expect(backend.connections).toHaveLength(2);
    });
  });

  describe("another try", () => {
    const post = (body: string): string =>
      `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

    test.each([
      { name: "nobody listened", first: refusing },
      {
        name: "the connection was reset after the request",
        first: async () => (await scripted(({ socket }) => void socket.resetAndDestroy())).port,
      },
    ])("elsewhere takes the body along: $name", async ({ first }) => {
      const body = "0123456789".repeat(3000);
      const backend = await scripted();
      const raw = await client(proxy(await first(), {}, backend.port));
      raw.send(post(body).slice(0, 20_000));
      await backend.until(0, (received) => received.length > 10_000);
      raw.send(post(body).slice(20_000));
      const connection = await backend.until(0, (received) => received.endsWith(body));
      expect(connection.received.split("\r\n\r\n")[1]).toBe(body);
      connection.socket.write(OK);
      await raw.contains("ok");
    });

    test.each(["length", "chunks"])(
      "sends again what came in many pieces, by %s",
      async (framing) => {
        const pieces = Array.from({ length: 40 }, (_, i) => String(i % 10).repeat(1 + i * 17));
        const chunked = framing === "chunks";
        const wire = pieces.map((piece) =>
          chunked ? `${piece.length.toString(16)}\r\n${piece}\r\n` : piece,
        );
        const body = pieces.join("");
        const first = await scripted();
        const backend = await scripted();
        const raw = await client(proxy(first.port, {}, backend.port));
        const field = chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${body.length + 1}`;
        raw.send(`POST / HTTP/1.1\r\nHost: h\r\n${field}\r\n\r\n`);
        for (const [i, piece] of wire.entries()) {
          raw.send(piece);
          const said = pieces[i]!;
          await first.until(0, (received) =>
            received.includes(said, received.length - said.length - 2),
          );
        }
        first.connections[0]!.socket.resetAndDestroy();
        await backend.until(0, (received) => received.includes(pieces.at(-1)!));
        raw.send(chunked ? "1\r\n!\r\n0\r\n\r\n" : "!");
        const { received } = await backend.until(0, (all) => all.includes("!"));
        const got = received.slice(received.indexOf("\r\n\r\n") + 4);
        const text = chunked ? got.replaceAll(/[0-9a-f]+\r\n(.*?)\r\n/g, "$1") : got;
        expect(text.slice(0, body.length + 1)).toBe(`${body}!`);
      },
    );

    test("is not made for a body above the limit, which ends the request", async () => {
      const backend = await scripted();
      const through = proxy(backend.port);
      const raw = await client(through);
      raw.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
      const chunk = Buffer.alloc(10_000_000, "x");
      for (let i = 0; i < 11; i++) {
        raw.send(`${chunk.length.toString(16)}\r\n`);
        raw.socket.write(chunk);
        raw.send("\r\n");
      }
      expect(await raw.contains("too_large")).toStartWith("HTTP/1.1 502 ");
      expect(through.pool.connections).toBe(0);
    });

    test("is not made with a body too large to be kept", async () => {
      const backend = await scripted();
      const broken = await scripted((connection) => {
        if (connection.received.length > 100_000) connection.socket.resetAndDestroy();
      });
      const raw = await client(proxy(broken.port, {}, backend.port));
      raw.send(post("x".repeat(200_000)));
      expect(await raw.contains("reset_before")).toStartWith("HTTP/1.1 502 ");
      expect(backend.connections).toHaveLength(0);
    });
  });

  test("a body that comes byte by byte takes the memory of its bytes while it can be sent again", async () => {
    const backend = await scripted();
    const raw = await client(proxy(backend.port));
    raw.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${DRIPS + 1}\r\n\r\n`);
    raw.socket.setNoDelay(true);
    const drip = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        raw.send("x");
        await backend.until(0, (received) => received.endsWith("x"));
        backend.connections[0]!.received = "";
      }
    };
    await drip(1);
    Bun.gc(true);
    const before = heapStats().extraMemorySize;
    await drip(DRIPS);
    Bun.gc(true);
    expect(heapStats().extraMemorySize - before).toBeLessThan(1_000_000);
  });

  describe("failures have names", () => {
    const HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    test("nobody listens", async () => {
      const raw = await client(proxy(await refusing()));
      raw.send(GET);
      await raw.contains("\r\n\r\nrefused");
    });

    test.each([
      { name: "reset_before_response", onData: "end" },
      { name: "reset_before_response", onData: "reset" },
      { name: "malformed", onData: "SSH-2.0-OpenSSH\r\n" },
      {
        name: "malformed",
        onData: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
      },
      {
        name: "malformed",
        onData: "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
      },
      { name: "truncated", onData: "HTTP/1.1 200 OK\r\nConte" },
    ])("$name: $onData", async ({ name, onData }) => {
      const backend = await scripted(({ socket }) => {
        if (onData === "reset") socket.resetAndDestroy();
        else socket.end(onData === "end" ? "" : onData);
      });
      const through = proxy(backend.port);
      const raw = await client(through);
      raw.send(GET);
      expect(await raw.contains("\r\n\r\n")).toEndWith(`\r\n\r\n${name}`);
      expect(through.pool.connections).toBe(0);
      expect(through.ends).toEqual(["whole"]);
    });

    test("no answer in time, counted from the request's end", async () => {
      const backend = await scripted();
      const through = proxy(backend.port, { headMs: 20_000 });
      const raw = await client(through);
      raw.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na");
      await backend.until(0, (received) => received.endsWith("a"));
      for (let now = 1000; now <= 9000; now += 1000) through.wheel.advance(now);
      raw.send("b");
      await backend.until(0, (received) => received.endsWith("ab"));
      through.wheel.advance(28_000);
      expect(through.failures).toEqual([]);
      through.wheel.advance(30_000);
      await raw.contains("header_timeout");
    });

    test.each([
      { framing: "a length", answer: `${HEAD}part` },
      {
        framing: "chunks",
        answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
      },
      {
        framing: "a bad chunk",
        answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nzz\r\n",
      },
    ])("an answer with $framing that breaks off is not completed", async ({ answer }) => {
      const backend = await scripted(({ socket }) => void socket.end(answer));
      const through = proxy(backend.port);
      const raw = await client(through);
      raw.send(GET + GET);
      const all = await raw.all();
      expect(all).toContain("part");
      expect(all).not.toContain("0\r\n\r\n");
      expect(all.split("HTTP/1.1")).toHaveLength(2);
      expect(through.ends).toEqual(["broken"]);
    });

    test("an answer until close that is reset looks reset to an HTTP/1.0 client", async () => {
      const backend = await scripted(({ socket }) => {
        socket.write("HTTP/1.1 200 OK\r\n\r\npart");
      });
      const through = proxy(backend.port);
      const raw = await client(through);
      raw.send("GET / HTTP/1.0\r\n\r\n");
      await raw.contains("part");
      backend.connections[0]!.socket.resetAndDestroy();
      expect(await raw.closed).toBe("reset");
    });
  });

  describe("a client that leaves", () => {
    test("cancels the request at the backend", async () => {
      const backend = await scripted();
      const through = proxy(backend.port);
      const raw = await client(through);
      raw.send(GET);
      const { socket } = await backend.request();
      const gone = new Promise<void>((resolve) => socket.on("close", () => resolve()));
      raw.close();
      await roundTrip(adoption);
      through.wheel.advance(1500);
      await gone;
      expect(through.ends).toEqual(["left"]);
      expect(through.pool.connections).toBe(0);
    });

    test("in the middle of its body cancels at once", async () => {
      const backend = await scripted();
      const through = proxy(backend.port);
      const raw = await client(through);
      raw.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
      const { socket } = await backend.until(0, (received) => received.endsWith("abc"));
      const gone = new Promise<void>((resolve) => socket.on("close", () => resolve()));
      raw.close();
      await gone;
    });
  });

  describe("an upgrade", () => {
    const UPGRADE = "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    /** Bytes: more than a paused reader has room for, less than what the kernel takes on the way. */
    const SAID = 1_500_000;
    const SWITCH =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n";

    test("joins both connections, early bytes included, each direction ended by itself", async () => {
      const backend = await scripted((connection) => {
        const at = connection.received.indexOf("\r\n\r\n");
        if (at < 0) return;
        expect(connection.received).toContain("Upgrade: echo\r\n");
        expect(connection.received).toContain("Connection: Upgrade\r\n");
        connection.socket.write(`${SWITCH}hello`);
        backend.onData = (each) => {
          each.socket.write(`<${each.received}>`);
          each.received = "";
        };
        connection.received = "";
      });
      const through = proxy(backend.port);
      const raw = await client(through);
      raw.send(UPGRADE);
      expect(await raw.contains("hello")).toContain("Upgrade: echo\r\n");
      raw.send("one");
      await raw.contains("<one>");
      backend.connections[0]!.socket.on("end", () => backend.connections[0]!.socket.end("bye"));
      raw.end();
      expect(await raw.all()).toEndWith("<one>bye");
      while (through.ends.length === 0) await settled();
      expect(through.ends).toEqual(["whole"]);
      expect(through.pool.connections).toBe(0);
      expect(through.server.connections).toBe(0);
    });

    test("holds a fast side back while the other does not read", async () => {
      const backend = await scripted((connection) => {
        backend.onData = () => {};
        connection.socket.write(SWITCH);
        flood(connection.socket, 60_000_000);
      });
      const raw = await client(proxy(backend.port));
      raw.send(UPGRADE);
      await raw.contains("xx");
      raw.socket.pause();
      const { socket } = backend.connections[0]!;
      expect(await atRest(60_000_000, () => socket.writableLength)).toBeGreaterThan(15_000_000);
      raw.socket.resume();
      await raw.until((received) => received.length >= 60_000_000 + SWITCH.length);
    }, 20_000);

    test.each([
      { slow: "client", first: "client" },
      { slow: "client", first: "backend" },
      { slow: "backend", first: "client" },
      { slow: "backend", first: "backend" },
    ])(
      "ended by both, by the $first first, leaves all that was said to a slow $slow",
      async (sides) => {
        const backend = await scripted(({ socket }) => {
          backend.onData = () => {};
          socket.write(SWITCH);
        });
        const through = proxy(backend.port);
        const raw = await client(through);
        raw.send(UPGRADE);
        await raw.contains("\r\n\r\n");
        const connection = backend.connections[0]!;
        const clientSlow = sides.slow === "client";
        const [slow, fast] = clientSlow
          ? [raw.socket, connection.socket]
          : [connection.socket, raw.socket];
        const reader = clientSlow ? raw : connection;
        const ending = sides.first === sides.slow ? [slow, fast] : [fast, slow];
        reader.received = "";
        const over = new Promise((resolve) => slow.on("close", resolve));
        slow.pause();
        flood(fast, SAID);
        while (fast.writableLength > 0) await settled();
        for (const socket of ending) {
          await new Promise<void>((resolve) => void socket.end(resolve));
          // What was said before has to be read, too.
          for (let i = 0; i < 20; i++) await roundTrip(adoption);
        }
        while (through.ends.length === 0) await settled();
        slow.resume();
        await over;
        expect(reader.received).toHaveLength(SAID);
      },
    );

    test("that the backend declines is an answer like others", async () => {
      const backend = await answering(OK);
      const raw = await client(proxy(backend.port));
      raw.send(UPGRADE + GET);
      await raw.until((received) => received.split("ok").length === 3);
    });
  });
});

describe("what the kernel already has of a kept connection when a request comes", () => {
  beforeAll(() => {
    adoption = ownSockets;
  });

  const POST = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";
  const STALE = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nlate";
  /** More than the loop reads from before it looks at what came. */
  const MANY = 40;

  test.each([
    { name: "an answer nobody asked for", said: STALE, end: false },
    { name: "such an answer and its end", said: STALE, end: true },
    { name: "its end", said: "", end: true },
  ])("is not that request's answer: $name", async ({ said, end }) => {
    const backend = await scripted(({ received, socket }) => {
      if (received.endsWith("\r\n\r\n") || received.endsWith("hi")) socket.write(OK);
    });
    const through = proxy(backend.port);
    const clients = await Promise.all(Array.from({ length: MANY }, () => client(through)));
    const [first] = clients;
    first!.send(GET);
    await first!.contains("ok");
    while (through.pool.idle === 0) await settled();
    expect(through.pool.connections).toBe(1);
    // All of it is there before the loop's next round, the requests first.
    for (const raw of clients) raw.received = "";
    for (const raw of clients) raw.send(POST);
    const { socket } = backend.connections[0]!;
    if (said !== "") socket.write(said);
    if (end) socket.end();
    for (const raw of clients) expect(await raw.contains("\r\n\r\n")).toContain(" 200 OK\r\n");
    expect(through.failures).toEqual([]);
  });
});
