// A server that passes its connections on to another one: nothing that a client sent is lost, and no
// request is begun by both or by neither.

import { afterEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { DeadlineWheel } from "../../../src/data/http1/deadlines.ts";
import type { Exchange } from "../../../src/data/http1/exchange.ts";
import {
  type HttpServer,
  type HttpServerOptions,
  listenHttp,
} from "../../../src/data/http1/server.ts";
import { RawClient } from "./raw-client.ts";
import { roundTrip } from "./round-trip.ts";

const SECRET = "5".repeat(64);
const GET = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`;
const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0).toReversed()) close();
});

/** Answers with its name, the target, the body and the address of the client. */
function answering(name: string, begun: string[] = []): (exchange: Exchange) => void {
  return (exchange) => {
    const { target } = exchange.head;
    begun.push(target);
    let body = "";
    exchange.readBody({
      onBody: (bytes, start, end, last) => {
        body += bytes.toString("latin1", start, end);
        if (!last) return;
        const text = Buffer.from(`<${name} ${target} ${body} ${exchange.peerAddress}>`);
        exchange.begin(200, "OK");
        exchange.send(text.length, text, 0, text.length, true);
      },
    });
  };
}

function serve(
  handler: (exchange: Exchange) => void,
  options: Partial<HttpServerOptions> = {},
): HttpServer {
  const deadlines = new DeadlineWheel(0);
  const server = listenHttp({ hostname: "127.0.0.1", port: 0, deadlines, handler, ...options });
  opened.push(() => server.stop());
  return server;
}

async function client(server: HttpServer): Promise<RawClient> {
  const raw = await RawClient.open(server.port);
  opened.push(() => raw.close());
  return raw;
}

function pair() {
  const begun = { old: [] as string[], new: [] as string[] };
  const old = serve(answering("old", begun.old));
  const next = serve(answering("new", begun.new), { handoverSecret: SECRET });
  const pass = (): void => old.handOver({ ports: [next.handoverPort], secret: SECRET });
  return { old, next, begun, pass };
}

describe("hold", () => {
  test("begins nothing, and goes on with everything after release", async () => {
    const { old, begun } = pair();
    const [idle, busy] = [await client(old), await client(old)];
    busy.send(GET("/before"));
    await busy.contains("/before");
    old.hold();
    busy.send(GET("/a") + GET("/b"));
    idle.send(GET("/c").slice(0, 9));
    const late = (await client(old)).send(GET("/d"));
    late.end();
    await roundTrip();
    expect(begun.old).toEqual(["/before"]);
    old.release();
    idle.send(GET("/c").slice(9));
    await Promise.all([busy.contains("/b"), idle.contains("/c"), late.contains("/d")]);
    expect(begun.old.toSorted()).toEqual(["/a", "/b", "/before", "/c", "/d"]);
  });

  test("keeps the connections of clients whose head took longer than its deadline meanwhile", async () => {
    const wheel = new DeadlineWheel(0);
    const server = serve(answering("old"), { deadlines: wheel });
    server.hold();
    const waiting = (await client(server)).send(GET("/patient"));
    await roundTrip();
    for (let ms = 0; ms <= 60_000; ms += 1_000) wheel.advance(ms);
    server.release();
    expect(await waiting.contains("/patient")).toContain("<old /patient");
  });

  test("lets what has begun end", async () => {
    const begun = Promise.withResolvers<Exchange>();
    const server = serve(begun.resolve);
    const raw = (await client(server)).send(GET("/"));
    const exchange = await begun.promise;
    server.hold();
    exchange.begin(200, "OK");
    exchange.send(4, Buffer.from("done"), 0, 4, true);
    await raw.contains("done");
  });

  test("a drain ends it", async () => {
    const { old } = pair();
    old.hold();
    const raw = (await client(old)).send(GET("/held"));
    await roundTrip();
    const drained = old.drain();
    expect(await raw.all()).toContain("<old /held");
    raw.close();
    await drained;
  });
});

describe("hand-over", () => {
  test("passes on what waited, what comes later on old connections, and new connections", async () => {
    const { old, begun, pass } = pair();
    const [first, second, third] = [await client(old), await client(old), await client(old)];
    first.send(GET("/1"));
    await first.contains("<old /1");
    old.hold();
    first.send(GET("/2"));
    second.send(GET("/3").slice(0, 20));
    await roundTrip();
    pass();
    second.send(GET("/3").slice(20));
    third.send(GET("/4"));
    const fourth = (await client(old)).send(GET("/5"));
    for (const [raw, target] of [
      [first, "/2"],
      [second, "/3"],
      [third, "/4"],
      [fourth, "/5"],
    ] as const) {
      const text = await raw.all();
      expect(text).toContain(`<new ${target}  127.0.0.1>`);
      // So that the client comes back to the port, where the old one no longer is.
      expect(text).toContain("Connection: close");
    }
    expect(begun.old).toEqual(["/1"]);
    expect(begun.new.toSorted()).toEqual(["/2", "/3", "/4", "/5"]);
  });

  test("a body that was under way stays where its request began, the next request goes over", async () => {
    const { old, begun, pass } = pair();
    const raw = await client(old);
    raw.send("POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
    while (begun.old.length === 0) await Bun.sleep(1);
    old.hold();
    pass();
    raw.send(`def${GET("/next")}`);
    const text = await raw.all();
    expect(text).toContain("<old /up abcdef 127.0.0.1>");
    expect(text).toContain("<new /next  127.0.0.1>");
  });

  test("pipelined requests are all answered", async () => {
    const { old, pass } = pair();
    const raw = await client(old);
    old.hold();
    raw.send(GET("/1") + GET("/2") + GET("/3"));
    await roundTrip();
    pass();
    const text = await raw.all();
    expect(text.match(/<new \/\d/g)).toEqual(["<new /1", "<new /2", "<new /3"]);
    expect(text.match(/Connection: close/g)).toHaveLength(1);
  });

  test("large bodies go both ways through a slow reader", async () => {
    const size = 4 * 1024 * 1024;
    const old = serve(() => {});
    const next = serve(
      (exchange) => {
        exchange.begin(200, "OK");
        exchange.send(-1, Buffer.alloc(0), 0, 0, false);
        exchange.readBody({
          onBody: (bytes, start, end, last) => {
            if (!exchange.write(Buffer.from(bytes.subarray(start, end)), 0, end - start, last)) {
              if (!last) exchange.pauseBody();
            }
          },
        });
        exchange.owner = { onDrain: () => exchange.resumeBody(), onAbort: () => {} };
      },
      { handoverSecret: SECRET },
    );
    old.hold();
    old.handOver({ ports: [next.handoverPort], secret: SECRET });
    const answer = await fetch(`http://127.0.0.1:${old.port}/`, {
      method: "POST",
      body: new Uint8Array(size).fill(120),
    });
    let length = 0;
    for await (const chunk of answer.body!) {
      length += chunk.length;
      if (length % 7 === 0) await Bun.sleep(1);
    }
    expect(length).toBe(size);
  });

  test("a client that leaves while it is passed on leaves nothing behind", async () => {
    const { old, next, pass } = pair();
    old.hold();
    const raws = await Promise.all(Array.from({ length: 20 }, () => client(old)));
    for (const raw of raws) raw.send(GET("/gone"));
    await roundTrip();
    pass();
    for (const raw of raws) raw.close();
    await old.leavePort();
    while (next.connections > 0) await Bun.sleep(1);
    expect(old.connections).toBe(0);
  });

  test("a request that was passed on is no tunnel that a drain cuts: it ends when it is answered", async () => {
    const begun = Promise.withResolvers<Exchange>();
    const wheel = new DeadlineWheel(0);
    const old = serve(answering("old"), { deadlines: wheel });
    const next = serve(begun.resolve, { handoverSecret: SECRET });
    old.hold();
    old.handOver({ ports: [next.handoverPort], secret: SECRET });
    const raw = (await client(old)).send(GET("/slow"));
    const exchange = await begun.promise;
    const drained = old.drain();
    for (let ms = 0; ms <= 60_000; ms += 1_000) wheel.advance(ms);
    exchange.begin(200, "OK");
    exchange.send(4, Buffer.from("done"), 0, 4, true);
    expect(await raw.contains("done")).toContain("done");
    raw.close();
    await drained;
  });

  test("a tunnel that was passed on ends when one here would: no drain waits for it in vain", async () => {
    const wheel = new DeadlineWheel(0);
    const upgrading = (exchange: Exchange): void => {
      exchange.begin(101, "Switching Protocols");
      exchange.send(0, Buffer.alloc(0), 0, 0, false);
      exchange.takeOver({ onRaw() {}, onRawDrain() {}, onRawEnd() {}, onRawClose() {} });
    };
    const old = serve(answering("old"));
    const next = serve(upgrading, { handoverSecret: SECRET, deadlines: wheel });
    old.hold();
    old.handOver({ ports: [next.handoverPort], secret: SECRET });
    const raw = (await client(old)).send(GET("/socket"));
    await raw.contains("101 ");
    const direct = (await client(next)).send(GET("/socket"));
    await direct.contains("101 ");
    const drained = old.drain();
    for (let ms = 0; ms <= 10_000; ms += 1_000) wheel.advance(ms);
    await raw.all();
    raw.close();
    await drained;
    expect(next.connections).toBe(1);
  });

  test("goes on through a server that is itself replaced and has left the port", async () => {
    const { old, next: middle, pass } = pair();
    const last = serve(answering("last"), { handoverSecret: SECRET });
    const idle = (await client(old)).send(GET("/1"));
    await idle.contains("<old /1");
    old.hold();
    pass();
    middle.hold();
    middle.handOver({ ports: [last.handoverPort], secret: SECRET });
    await middle.leavePort();
    idle.send(GET("/2"));
    await idle.contains("<last /2  127.0.0.1>");
    const drained = middle.drain();
    idle.close();
    await drained;
    expect(middle.connections).toBe(0);
  });

  test("a worker of the successor that has died is passed by", async () => {
    const { old, next, begun } = pair();
    const dead = serve(answering("x"), { handoverSecret: SECRET });
    const ports = [dead.handoverPort, next.handoverPort];
    dead.stop();
    old.hold();
    old.handOver({ ports, secret: SECRET });
    for (const target of ["/1", "/2", "/3"]) {
      const raw = (await client(old)).send(GET(target));
      expect(await raw.all()).toContain(`<new ${target} `);
    }
    expect(begun.new).toEqual(["/1", "/2", "/3"]);
  });

  test("without a successor the client gets an answer", async () => {
    const old = serve(answering("old"));
    const port = serve(answering("x")).port;
    opened.pop()!();
    old.hold();
    old.handOver({ ports: [port], secret: SECRET });
    const raw = (await client(old)).send(GET("/"));
    expect(await raw.all()).toStartWith("HTTP/1.1 503 ");
  });

  test("whoever does not know the secret gets nothing", async () => {
    const { next, begun } = pair();
    for (const line of [`${"4".repeat(64)} 10.0.0.1\n`, "GET / HTTP/1.1\r\n", "x".repeat(300)]) {
      const socket = connect(next.handoverPort, "127.0.0.1");
      let answer = "";
      socket.on("data", (bytes: Buffer) => (answer += bytes.toString()));
      socket.on("error", () => {});
      const closed = new Promise((resolve) => socket.on("close", resolve));
      socket.write(line + GET("/stolen"));
      await closed;
      expect(answer).toBe("");
    }
    expect(begun.new).toEqual([]);
  });

  test("the proof and the address may come in pieces", async () => {
    const { next } = pair();
    const socket = connect(next.handoverPort, "127.0.0.1");
    opened.push(() => socket.destroy());
    let answer = "";
    const ended = new Promise((resolve) => socket.on("end", resolve));
    socket.on("data", (bytes: Buffer) => (answer += bytes.toString()));
    for (const piece of [
      SECRET.slice(0, 10),
      `${SECRET.slice(10)} 2001:db`,
      `8::7\n${GET("/x")}`,
    ]) {
      socket.write(piece);
      await roundTrip();
    }
    await ended;
    expect(answer).toContain("<new /x  2001:db8::7>");
  });
});
