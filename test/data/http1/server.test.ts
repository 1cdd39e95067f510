import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { DeadlineWheel } from "../../../src/data/http1/deadlines.ts";
import type { Exchange } from "../../../src/data/http1/exchange.ts";
import { type FetchHandlerOptions, toFetchHandler } from "../../../src/data/http1/fetch-adapter.ts";
import type { Unfit } from "../../../src/data/http1/sayable.ts";
import {
  type HttpServer,
  type HttpServerOptions,
  listenHttp,
} from "../../../src/data/http1/server.ts";
import type { Adoption } from "../../../src/data/sockets/adoption.ts";
import { SOCKETS } from "../../support/own-sockets.ts";
import { RawClient, atRest, flood } from "./raw-client.ts";
import { roundTrip } from "./round-trip.ts";

let adoption: Adoption | undefined;

const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0).toReversed()) close();
});

/** A server whose clock the test moves. */
function serve(
  handler: (exchange: Exchange) => void,
  options: Partial<HttpServerOptions> = {},
): { server: HttpServer; wheel: DeadlineWheel } {
  const wheel = new DeadlineWheel(0);
  const server = listenHttp({
    hostname: "127.0.0.1",
    port: 0,
    deadlines: wheel,
    handler,
    adoption,
    ...options,
  });
  opened.push(() => server.stop());
  return { server, wheel };
}
async function client(server: HttpServer): Promise<RawClient> {
  const opening = await RawClient.open(server.port);
  opened.push(() => opening.close());
  return opening;
}
/** Lets what is on its way through the kernel arrive. */
async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 2));
}

const text = (exchange: Exchange, body: string, length = body.length): void => {
  exchange.begin(200, "OK");
  const bytes = Buffer.from(body);
  exchange.send(length, bytes, 0, bytes.length, true);
};
const echoTarget = (exchange: Exchange): void => text(exchange, `<${exchange.head.target}>`);
const GET = (target: string, fields = ""): string =>
  `GET ${target} HTTP/1.1\r\nHost: h\r\n${fields}\r\n`;

/** Reads the body and answers with it at its end. */
function echoBody(exchange: Exchange): void {
  let body = "";
  exchange.readBody({
    onBody: (bytes, start, end, last) => {
      body += bytes.toString("latin1", start, end);
      if (last) text(exchange, `[${body}]`);
    },
  });
}

describe.each(SOCKETS)("over %s", (_, sockets) => {
  beforeAll(() => {
    adoption = sockets;
  });
  describe("requests on one connection", () => {
    test("are answered in order, pipelined or not, from the first on", async () => {
      const waiting: Exchange[] = [];
      const { server } = serve((exchange) => void waiting.push(exchange));
      const raw = await client(server);
      raw.send(GET("/1") + GET("/2") + GET("/3"));
      for (const target of ["/1", "/2", "/3"]) {
        while (waiting.length === 0) await settled();
        expect(waiting).toHaveLength(1);
        echoTarget(waiting.pop()!);
        await raw.contains(`<${target}>`);
      }
      expect(raw.received.match(/<\/\d>/g)).toEqual(["</1>", "</2>", "</3>"]);
      raw.send(GET("/4"));
      while (waiting.length === 0) await settled();
      echoTarget(waiting.pop()!);
      await raw.contains("</4>");
    });

    test("use the memory of a body again once nobody keeps any of it", async () => {
      const pieces = new Set<Buffer>();
      let keepsNothing = true;
      let turn = 0;
      const { server } = serve((exchange) => {
        exchange.readBody({
          get keepsNothing() {
            return keepsNothing;
          },
          onBody: (bytes, _start, _end, last) => {
            pieces.add(bytes);
            if (last) setImmediate(() => text(exchange, `<${turn}>`));
          },
        });
      });
      const raw = await client(server);
      const turns = async (count: number): Promise<number> => {
        pieces.clear();
        for (const end = turn + count; turn < end;) {
          turn++;
          raw.send(`PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\n\r\n${"x".repeat(9000)}`);
          await raw.contains(`<${turn}>`);
        }
        return pieces.size;
      };
      // Until reads have grown to the size of what comes.
      await turns(4);
      // Bun's sockets bring their own memory.
      expect(await turns(8)).toBeLessThanOrEqual(sockets === undefined ? 8 : 2);
      keepsNothing = false;
      expect(await turns(8)).toBeGreaterThanOrEqual(8);
    });

    test("may arrive byte by byte", async () => {
      const { server } = serve(echoBody);
      const raw = await client(server);
      raw.socket.setNoDelay(true);
      for (const byte of "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc") {
        raw.send(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await raw.contains("[abc]");
    });

    test("keep the connection or not as their version and Connection say", async () => {
      const { server } = serve(echoTarget);
      const kept = await client(server);
      kept.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
      expect(await kept.contains("</a>")).toContain("Connection: keep-alive\r\n");
      kept.send("GET /b HTTP/1.0\r\n\r\n");
      expect(await kept.all()).toContain("</b>");
      const closed = await client(server);
      closed.send(GET("/c", "Connection: close\r\n"));
      expect(await closed.all()).toContain("Connection: close\r\n");
    });

    test("a client that ends its direction gets also those that wait for it to read", async () => {
      const size = 20_000_000;
      const { server } = serve((exchange) => text(exchange, "x".repeat(size)));
      const raw = await client(server);
      raw.socket.pause();
      raw.send(GET("/1") + GET("/2"));
      raw.end();
      await roundTrip(adoption);
      raw.socket.resume();
      await raw.all();
      expect(raw.received.match(/HTTP\/1\.1 200 /g)).toHaveLength(2);
      expect(raw.received.length).toBeGreaterThan(2 * size);
    });

    test("a client that ends its direction still gets its answers", async () => {
      const { server } = serve((exchange) => void setTimeout(() => echoTarget(exchange), 5));
      const raw = await client(server);
      raw.send(GET("/1") + GET("/2")).end();
      expect(await raw.all()).toContain("</1>");
      expect(raw.received).toContain("</2>");
    });

    test("no more are kept than fit while one is answered", async () => {
      let held: Exchange | null = null;
      let count = 0;
      const { server } = serve((exchange) => {
        count++;
        if (held === null) held = exchange;
        else echoTarget(exchange);
      });
      const raw = await client(server);
      const one = GET(`/${"p".repeat(4000)}`);
      const total = 5000;
      for (let i = 0; i < total; i++) raw.send(one);
      // Twenty megabytes were sent; the socket is not read beyond a part of them.
      expect(await atRest(total * one.length, () => raw.socket.writableLength)).toBeGreaterThan(
        5_000_000,
      );
      echoTarget(held!);
      await raw.until((received) => received.split("HTTP/1.1 200").length > total);
      expect(count).toBe(total);
    });
  });

  describe("pipelined requests of a client that does not read", () => {
    test("are not served until it does", async () => {
      const body = "x".repeat(100_000);
      const { server } = serve((exchange) => text(exchange, body));
      const raw = await client(server);
      raw.socket.pause();
      for (let i = 0; i < 1000; i++) raw.send(GET("/"));
      expect(await atRest(0, () => server.requests)).toBeLessThan(300);
      raw.socket.resume();
      await raw.until((received) => received.length > 1000 * body.length);
    }, 20_000);
  });

  describe("bodies of requests", () => {
    test.each([
      { name: "by length", body: "Content-Length: 5\r\n\r\nhello" },
      {
        name: "chunked",
        body: "Transfer-Encoding: chunked\r\n\r\n2;x\r\nhe\r\n3\r\nllo\r\n0\r\nT: x\r\n\r\n",
      },
    ])("$name are read, and the next request found", async ({ body }) => {
      const { server } = serve(echoBody);
      const raw = await client(server);
      raw.send(`PUT /x HTTP/1.1\r\nHost: h\r\n${body}${GET("/2")}`);
      expect(await raw.contains("[]")).toContain("[hello]");
    });

    test("a body of GET reaches the handler", async () => {
      const { server } = serve(echoBody);
      const raw = await client(server);
      raw.send(GET("/", "Content-Length: 2\r\n") + "ab");
      await raw.contains("[ab]");
    });

    test("100 Continue is sent when the body is read, not before, and only if asked for", async () => {
      let exchange: Exchange | null = null;
      const { server } = serve((each) => void (exchange = each));
      const raw = await client(server);
      raw.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
      while (server.requests === 0) await settled();
      expect(raw.received).toBe("");
      echoBody(exchange!);
      expect(await raw.contains("\r\n\r\n")).toBe("HTTP/1.1 100 Continue\r\n\r\n");
      raw.send("ab");
      await raw.contains("[ab]");
    });

    test("an answer without 100 Continue ends the connection: the body may come or not", async () => {
      const { server } = serve((exchange) => text(exchange, "no"));
      const raw = await client(server);
      raw.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
      const answer = await raw.all();
      expect(answer).toContain("Connection: close\r\n");
      expect(answer).not.toContain("100 Continue");
    });

    test("that nobody reads are read away if small, else the connection ends", async () => {
      const { server } = serve((exchange) => text(exchange, "ok"));
      const raw = await client(server);
      raw.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n");
      await raw.contains("ok");
      raw.send(`${"x".repeat(20)}${GET("/")}`);
      await raw.until((received) => received.split("200 OK").length === 3);
      const large = await client(server);
      large.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\n");
      for (let i = 0; i < 90; i++) large.send("x".repeat(10_000));
      expect(await large.all()).toContain("Connection: close\r\n");
      expect(await large.closed).toBe("end");
    });

    test("hold the client back while the handler does", async () => {
      let exchange: Exchange | null = null;
      let taken = 0;
      const { server } = serve((each) => {
        exchange = each;
        each.readBody({
          onBody: (_, start, end, last) => {
            taken += end - start;
            each.pauseBody();
            if (last) text(each, `took ${taken}`);
          },
        });
      });
      const size = 40_000_000;
      const raw = await client(server);
      raw.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${size}\r\n\r\n`);
      flood(raw.socket, size);
      expect(await atRest(size, () => raw.socket.writableLength)).toBeGreaterThan(10_000_000);
      expect(taken).toBeLessThan(1_000_000);
      while (!exchange!.requestComplete) {
        exchange!.resumeBody();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await raw.contains(`took ${size}`);
    });

    test("that are no chunked coding are refused, and the handler is told", async () => {
      let aborted = 0;
      const { server } = serve((exchange) => {
        exchange.owner = { onDrain: () => {}, onAbort: () => void aborted++ };
        exchange.readBody({ onBody: () => {} });
      });
      const raw = await client(server);
      raw.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
      expect(await raw.all()).toStartWith("HTTP/1.1 400 ");
      expect(aborted).toBe(1);
    });
  });

  describe("answers", () => {
    test("of unknown length are chunked, or end with the connection in HTTP/1.0", async () => {
      const { server } = serve((exchange) => {
        exchange.begin(200, "OK");
        exchange.send(-1, Buffer.from("ab"), 0, 2, false);
        exchange.write(Buffer.from("cde"), 0, 3);
        exchange.end();
      });
      const raw = await client(server);
      raw.send(GET("/"));
      expect(await raw.contains("0\r\n\r\n")).toEndWith("\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
      const old = await client(server);
      old.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
      expect(await old.all()).toEndWith("Connection: close\r\n\r\nabcde");
    });

    test("to HEAD and with 204 or 304 have no body", async () => {
      const { server } = serve((exchange) => {
        exchange.begin(Number(exchange.head.target.slice(1)), "X");
        exchange.send(3, Buffer.from("abc"), 0, 3, true);
      });
      const raw = await client(server);
      raw.send(`HEAD /200 HTTP/1.1\r\nHost: h\r\n\r\n${GET("/204")}${GET("/304")}${GET("/200")}`);
      expect((await raw.contains("abc")).replace(/^Date: .*\r\n/gm, "")).toBe(
        "HTTP/1.1 200 X\r\nContent-Length: 3\r\n\r\n" +
          "HTTP/1.1 204 X\r\n\r\n" +
          "HTTP/1.1 304 X\r\nContent-Length: 3\r\n\r\n" +
          "HTTP/1.1 200 X\r\nContent-Length: 3\r\n\r\nabc",
      );
    });

    test("that are given up look truncated, never complete", async () => {
      const { server } = serve((exchange) => {
        exchange.begin(200, "OK");
        exchange.send(exchange.head.target === "/known" ? 9 : -1, Buffer.from("part"), 0, 4, false);
        void settled().then(() => exchange.abort());
      });
      const known = await client(server);
      known.send(GET("/known"));
      expect(await known.all()).toEndWith("\r\n\r\npart");
      const chunked = await client(server);
      chunked.send(GET("/"));
      expect(await chunked.all()).toEndWith("4\r\npart\r\n");
      const old = await client(server);
      old.send("GET / HTTP/1.0\r\n\r\n");
      expect(await old.closed).toBe("reset");
    });

    test("shorter than announced end the connection; longer ones are cut", async () => {
      const { server } = serve((exchange) =>
        text(exchange, "12345", exchange.head.target === "/s" ? 9 : 3),
      );
      const short = await client(server);
      short.send(GET("/s") + GET("/s"));
      expect((await short.all()).split("HTTP/1.1 200")).toHaveLength(2);
      const long = await client(server);
      long.send(GET("/l") + GET("/l"));
      await long.until((received) => received.split("\r\n\r\n123").length === 3);
      expect(long.received).not.toContain("1234");
    });

    test("wait for a slow reader instead of filling memory", async () => {
      const piece = Buffer.alloc(100_000, "x");
      let exchange: Exchange | null = null;
      let written = 0;
      const more = (): void => {
        while (written < 400) {
          written++;
          if (!exchange!.write(piece, 0, piece.length, written === 400)) return;
        }
      };
      const { server } = serve((each) => {
        exchange = each;
        each.owner = { onDrain: more, onAbort: () => {} };
        each.begin(200, "OK");
        each.send(400 * piece.length, piece, 0, 0, false);
        more();
      });
      const raw = await client(server);
      raw.socket.pause();
      raw.send(GET("/"));
      while (server.requests === 0) await settled();
      expect(await atRest(0, () => written)).toBeLessThan(200);
      expect((exchange as unknown as Exchange).queued).toBeLessThanOrEqual(2 * piece.length);
      raw.socket.resume();
      await raw.until((received) => received.length > 400 * piece.length);
    });

    test("a late call on an exchange that is over reaches nobody", async () => {
      const seen: Exchange[] = [];
      const { server } = serve((exchange) => {
        seen.push(exchange);
        if (seen.length === 1) echoTarget(exchange);
      });
      const raw = await client(server);
      raw.send(GET("/1") + GET("/2"));
      await raw.contains("</1>");
      while (seen.length < 2) await settled();
      seen[0]!.write(Buffer.from("LATE"), 0, 4);
      seen[0]!.end();
      seen[0]!.abort();
      echoTarget(seen[1]!);
      expect(await raw.contains("</2>")).not.toContain("LATE");
    });

    test("a handler that throws costs its own request only", async () => {
      const errors: unknown[] = [];
      const { server } = serve(
        (exchange) => {
          if (exchange.head.target === "/bug") throw new Error("bug");
          echoTarget(exchange);
        },
        { onError: (error) => void errors.push(error) },
      );
      const raw = await client(server);
      const other = await client(server);
      raw.send(GET("/bug"));
      expect(await raw.all()).toStartWith("HTTP/1.1 500 ");
      expect(errors).toHaveLength(1);
      other.send(GET("/fine"));
      await other.contains("</fine>");
    });
  });

  describe("bad requests and bad clients", () => {
    test("a request that cannot be read gets a problem and the end, after the answers before it", async () => {
      const { server } = serve(echoTarget);
      const raw = await client(server);
      raw.send(`${GET("/1")}GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${GET("/3")}`);
      const all = await raw.all();
      expect(all).toMatch(
        /<\/1>HTTP\/1\.1 400 [^]*application\/problem\+json[^]*Connection: close/,
      );
      expect(all).not.toContain("</3>");
      expect([...server.refusals]).toEqual([[400, 1]]);
    });

    test.each([
      ["its fields", "HEAD / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
      ["its target", `HEAD /${"x".repeat(20_000)} HTTP/1.1\r\n`, 414],
      ["its version", "HEAD / HTTP/2.0\r\n", 505],
      ["its size", `HEAD / HTTP/1.1\r\nHost: h\r\nA: ${"x".repeat(70_000)}`, 431],
      ["what it expects", "HEAD / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", 417],
      [
        "a body that is none",
        "HEAD / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx",
        400,
      ],
    ])("a refused HEAD gets no body: for %s", async (_, head, status) => {
      const { server } = serve(echoBody);
      for (const [request, bare] of [
        [head, true],
        [head.replace("HEAD", "HEAP"), false],
      ] as const) {
        const raw = await client(server);
        raw.send(`${GET("/1")}${request}`);
        const refused = (await raw.all()).split("[]")[1]!;
        expect(refused).toStartWith(`HTTP/1.1 ${status} `);
        expect(refused).toMatch(/\r\nContent-Length: [1-9]\d*\r\n/);
        expect(refused.endsWith("\r\n\r\n")).toBe(bare);
      }
    });

    test("a HEAD that came too slowly gets no body", async () => {
      const { server, wheel } = serve(echoTarget);
      const raw = await client(server);
      raw.send("HEAD / HTTP/1.1\r\nHo");
      await roundTrip(adoption);
      for (let now = 0; now <= 12_000; now += 500) wheel.advance(now);
      expect(await raw.all()).toMatch(/^HTTP\/1\.1 408 [^]*\r\n\r\n$/);
    });

    test("the method of an earlier HEAD says nothing about what follows it", async () => {
      const { server, wheel } = serve(echoTarget);
      const raw = await client(server);
      raw.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nPOST");
      await raw.contains("\r\n\r\n");
      for (let now = 0; now <= 12_000; now += 500) wheel.advance(now);
      expect(await raw.all()).toMatch(/HTTP\/1\.1 408 [^]*\r\n\r\n\{.*\}$/);
    });

    test("the handler hears of a client that leaves", async () => {
      const left = Promise.withResolvers<void>();
      const { server, wheel } = serve((exchange) => {
        exchange.owner = { onDrain: () => {}, onAbort: () => left.resolve() };
      });
      const raw = await client(server);
      raw.send(GET("/"));
      while (server.requests === 0) await settled();
      raw.close();
      await roundTrip(adoption);
      wheel.advance(1500);
      await left.promise;
      expect(server.connections).toBe(0);
    });

    test("heads, bodies and readers have deadlines; a quiet answer has none", async () => {
      const aborted: string[] = [];
      const { server, wheel } = serve((exchange) => {
        exchange.owner = {
          onDrain: () => {},
          onAbort: () => void aborted.push(exchange.head.target),
        };
        if (exchange.head.length !== 0) exchange.readBody({ onBody: () => {} });
      });
      const [silent, slowHead, slowBody, quiet] = await Promise.all(
        [1, 2, 3, 4].map(() => client(server)),
      );
      slowHead!.send("GET / HT");
      slowBody!.send("POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx");
      quiet!.send(GET("/quiet"));
      while (server.requests < 2) await settled();
      await roundTrip(adoption);
      for (let now = 0; now <= 9000; now += 500) wheel.advance(now);
      await roundTrip(adoption);
      expect(server.connections).toBe(4);
      for (let now = 9000; now <= 13_000; now += 500) wheel.advance(now);
      expect(await slowHead!.all()).toStartWith("HTTP/1.1 408 ");
      expect(await slowBody!.all()).toStartWith("HTTP/1.1 408 ");
      expect(await silent!.all()).toBe("");
      expect(aborted).toEqual(["/body"]);
      for (let now = 13_000; now <= 900_000; now += 5000) wheel.advance(now);
      await roundTrip(adoption);
      expect(aborted).toEqual(["/body"]);
      expect(server.connections).toBe(1);
    });

    test("a connection that is reset before anybody looked at it is none", async () => {
      const errors: unknown[] = [];
      const { server } = serve(echoTarget, { onError: (error) => void errors.push(error) });
      // Nobody accepts while this thread waits for the other process.
      const script = `for (let i = 0; i < 20; i++) await Bun.connect({
        hostname: "127.0.0.1", port: ${server.port},
        socket: { open: (socket) => socket.terminate(), data() {} },
      })`;
      expect(Bun.spawnSync([process.execPath, "-e", script]).exitCode).toBe(0);
      await roundTrip(adoption);
      while (server.connections > 0) await settled();
      expect(errors).toEqual([]);
      const raw = await client(server);
      raw.send(GET("/after"));
      await raw.contains("</after>");
    });

    describe("an answer that waits for its reader, whose upload has stopped", () => {
      const body = Buffer.alloc(12_000_000, "a");
      const stalled = async () => {
        const refused: number[] = [];
        const { server, wheel } = serve(
          (exchange) => {
            exchange.readBody({ onBody: () => {} });
            exchange.begin(200, "OK");
            exchange.send(body.length, body, 0, body.length, true);
          },
          { onRefused: (status) => void refused.push(status) },
        );
        const raw = await client(server);
        raw.socket.pause();
        raw.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\nx");
        while (server.requests === 0) await settled();
        await roundTrip(adoption);
        return { raw, server, wheel, refused };
      };

      test("is all that is sent, however late the rest of the upload is", async () => {
        const { raw, wheel, refused } = await stalled();
        for (let now = 0; now <= 15_000; now += 500) wheel.advance(now);
        await roundTrip(adoption);
        raw.socket.resume();
        const received = await raw.until((text) => text.length > body.length);
        expect(received.slice(received.indexOf("\r\n\r\n") + 4)).toHaveLength(body.length);
        expect(refused).toEqual([]);
      });

      test("is given up when nobody reads", async () => {
        const { server, wheel, refused } = await stalled();
        for (let now = 0; now <= 900_000; now += 500) wheel.advance(now);
        await roundTrip(adoption);
        expect(server.connections).toBe(0);
        expect(refused).toEqual([]);
      });
    });

    test("a head that drips is cut at its deadline however much came, and costs others nothing", async () => {
      const { server, wheel } = serve(echoTarget);
      const dripping = await Promise.all(Array.from({ length: 100 }, () => client(server)));
      for (const raw of dripping) raw.send("GET / HTTP/1.1\r\nHost: h\r\n");
      const other = await client(server);
      for (let second = 1; second <= 9; second++) {
        for (const raw of dripping) raw.send(`A${second}: b\r\n`);
        other.send(GET(`/${second}`));
        await other.contains(`</${second}>`);
        wheel.advance(second * 1000);
      }
      await roundTrip(adoption);
      expect(server.connections).toBe(101);
      for (const raw of dripping) raw.send("A10: b\r\n");
      await roundTrip(adoption);
      wheel.advance(10_200);
      for (const raw of dripping) expect(await raw.all()).toStartWith("HTTP/1.1 408 ");
      other.send(GET("/after"));
      await other.contains("</after>");
    });

    test("an upload may take long, not too long for its bytes", async () => {
      const { server, wheel } = serve(echoBody, { limits: { bodyGraceMs: 10_000, bodyRate: 2 } });
      const [steady, dripping] = await Promise.all([client(server), client(server)]);
      steady.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 120\r\n\r\n");
      dripping.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
      for (let second = 0; second < 40; second++) {
        steady.send("abc");
        if (second % 2 === 0) dripping.send("x");
        await roundTrip(adoption);
        wheel.advance((second + 1) * 1000);
      }
      await steady.contains("[abc");
      expect(await dripping.all()).toStartWith("HTTP/1.1 408 ");
    });

    test("a reader that takes nothing is cut off", async () => {
      const gone = Promise.withResolvers<void>();
      const { server, wheel } = serve((exchange) => {
        exchange.owner = { onDrain: () => {}, onAbort: () => gone.resolve() };
        exchange.begin(200, "OK");
        exchange.send(-1, Buffer.alloc(20_000_000), 0, 20_000_000, false);
      });
      const raw = await client(server);
      raw.socket.pause();
      raw.send(GET("/"));
      while (server.requests < 1) await settled();
      for (let now = 0; now <= 25_000; now += 1000) wheel.advance(now);
      expect(server.connections).toBe(1);
      for (let now = 25_000; now <= 40_000; now += 1000) wheel.advance(now);
      await gone.promise;
    });

    test("connections are limited, in all and by address", async () => {
      for (const [limits, status] of [
        [{ connections: 1 }, "503"],
        [{ connectionsPerAddress: 1 }, "429"],
      ] as const) {
        const { server } = serve(echoTarget, { limits });
        const first = await client(server);
        const second = await client(server);
        expect(await second.all()).toStartWith(`HTTP/1.1 ${status} `);
        second.close();
        while (server.connections > 1) await settled();
        first.send(GET("/1"));
        await first.contains("</1>");
      }
    });
  });

  describe("a client that ends its direction too early", () => {
    test.each([
      ["in the middle of a pipelined head", `${GET("/a")}GET /b HTT`, "</a>"],
      [
        "in the middle of a pipelined body",
        `${GET("/a")}POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab`,
        "</a>",
      ],
    ])("%s is not waited for", async (_, sent, answered) => {
      const { server } = serve((exchange) => {
        if (exchange.head.target === "/b") return echoBody(exchange);
        setTimeout(() => echoTarget(exchange), 20);
      });
      const raw = await client(server);
      raw.send(sent).end();
      // The deadlines do not advance here.
      expect(await raw.all()).toContain(answered);
      while (server.connections > 0) await settled();
    });
  });

  describe("drain", () => {
    test("answers what waits behind an answer that its client is slow to take", async () => {
      const much = Buffer.alloc(12 << 20, "x");
      const { server } = serve((exchange) => {
        if (exchange.head.target !== "/much") return echoTarget(exchange);
        exchange.begin(200, "OK");
        exchange.send(much.length, much, 0, much.length, true);
      });
      const raw = await client(server);
      raw.socket.pause();
      raw.send(GET("/much") + GET("/next"));
      while (server.requests === 0) await settled();
      const drained = server.drain();
      raw.socket.resume();
      expect(await raw.all()).toEndWith("</next>");
      raw.close();
      await drained;
      expect(raw.received.match(/Connection: close/g)).toHaveLength(1);
    });

    test("lets what is in progress finish, ends what is idle, and then resolves", async () => {
      let held: Exchange | null = null;
      const { server } = serve((exchange) => {
        if (exchange.head.target === "/held") held = exchange;
        else echoTarget(exchange);
      });
      const [idle, busy] = await Promise.all([client(server), client(server)]);
      idle.send(GET("/1"));
      await idle.contains("</1>");
      busy.send(GET("/held"));
      while (server.requests < 2) await settled();
      let drained = false;
      const draining = server.drain().then(() => (drained = true));
      await idle.all();
      idle.close();
      await roundTrip(adoption);
      expect(drained).toBe(false);
      echoTarget(held!);
      expect(await busy.all()).toContain("Connection: close\r\n");
      busy.close();
      await draining;
      expect(RawClient.open(server.port)).rejects.toThrow();
    });
  });

  describe("a function of fetch's shape", () => {
    const unfit: Unfit[] = [];
    const errors: unknown[] = [];
    const through = (fetch: FetchHandlerOptions["fetch"]) =>
      toFetchHandler({
        fetch,
        onUnfit: (exchange, why) => {
          unfit.push(why);
          exchange.begin(why.status, "");
          exchange.send(0, Buffer.alloc(0), 0, 0, true);
        },
        onError: (error) => errors.push(error),
      });

    test("gets the request and its answer goes out, streams included", async () => {
      const { server } = serve(
        through(async (request) => {
          const { pathname, searchParams } = new URL(request.url);
          const body = await request.text();
          const line = [request.method, pathname, searchParams.get("q"), body].join(" ");
          const headers = new Headers({ "x-a": request.headers.get("x-a") ?? "" });
          headers.append("set-cookie", "a=1");
          headers.append("set-cookie", "b=2");
          return new Response(new Blob([line]).stream(), { status: 201, headers });
        }),
      );
      const response = await fetch(`http://127.0.0.1:${server.port}/p/a?q=1`, {
        method: "POST",
        body: "x".repeat(100_000),
        headers: { "x-a": "y" },
      });
      expect(response.status).toBe(201);
      expect(response.headers.get("x-a")).toBe("y");
      // Control routes are answered by such a function.
      expect(Date.parse(response.headers.get("date") ?? "")).toBeGreaterThan(Date.now() - 5000);
      expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
      expect(await response.text()).toBe(`POST /p/a 1 ${"x".repeat(100_000)}`);
    });

    test("leaves large pieces of uploads to the collector, which is told how much", async () => {
      const { server } = serve(through(async (request) => new Response(await request.text())));
      const send = async (size: number): Promise<void> => {
        const body = "x".repeat(size);
        const response = await fetch(`http://127.0.0.1:${server.port}/`, { method: "POST", body });
        expect(await response.text()).toBe(body);
      };
      await send(1000);
      expect(server.piled).toBe(0);
      await send(4_000_000);
      expect(server.piled).toBeWithin(3_000_000, 5_000_000);
    });

    test("that throws is a 500, and its passage tells who leaves", async () => {
      const left = Promise.withResolvers<void>();
      const { server, wheel } = serve(
        through((request, passage) => {
          if (request.url.endsWith("/bug")) throw new Error("bug");
          passage.listener = {
            onHead() {},
            onComplete() {},
            onLeft: left.resolve,
            onTooLarge() {},
            onWait() {},
            onBroken() {},
          };
          return new Promise<Response>(() => {});
        }),
      );
      expect((await fetch(`http://127.0.0.1:${server.port}/bug`)).status).toBe(500);
      expect(errors.splice(0)).toHaveLength(1);
      const raw = await client(server);
      raw.send(GET("/"));
      while (server.requests < 2) await settled();
      raw.close();
      await roundTrip(adoption);
      wheel.advance(1500);
      await left.promise;
    });

    test.each([
      ["GET /../a", "", 400],
      ["GET /a/./b", "", 400],
      ["GET /%2e%2E/a", "", 400],
      ["GET //a", "", 400],
      ["GET /{a}", "", 400],
      ["GET /\\a", "", 400],
      ["GET /?a='", "", 400],
      ["GET /\xe9", "", 400],
      ["GET /", "x", 400],
      ["HEAD /", "x", 400],
    ])("gets no request that it would alter or shorten: %s %s", async (line, body, status) => {
      const { server } = serve(through(() => new Response("altered")));
      const raw = await client(server);
      const length = body === "" ? "" : `Content-Length: ${body.length}\r\n`;
      raw.send(`${line} HTTP/1.1\r\nHost: h\r\n${length}\r\n${body}`);
      await raw.contains(`HTTP/1.1 ${status} `);
      expect(unfit.pop()!.status as number).toBe(status);
    });

    test.each(["get", "FOO"])("gets the method as it was said: %s", async (method) => {
      const { server } = serve(through((request) => new Response(`it was ${request.method}`)));
      const raw = await client(server);
      raw.send(`${method} / HTTP/1.1\r\nHost: h\r\n\r\n`);
      await raw.contains(`it was ${method}`);
    });
  });
});
