// WebSockets through the gateway: counted at the handshake, then bytes both ways, whatever they are.

import { describe, expect, test } from "bun:test";
import { rawBackend } from "../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";

interface Seen {
  readonly closes: [number, string][];
  readonly requests: Request[];
}

/** Sends back what it gets; text `close` closes with a code and a reason. */
function echoBackend(): Disposable & Seen & { readonly url: string } {
  const seen: Seen = { closes: [], requests: [] };
  const server = Bun.serve<undefined>({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      seen.requests.push(request);
      const headers = { "Sec-WebSocket-Protocol": "second" };
      const asked = request.headers.has("sec-websocket-protocol");
      if (server.upgrade(request, asked ? { headers } : {})) return undefined;
      return new Response("no", { status: 426 });
    },
    websocket: {
      idleTimeout: 0,
      maxPayloadLength: 64 * 1024 * 1024,
      message(socket, message) {
        if (message === "close") socket.close(4321, "as agreed");
        else socket.send(message);
      },
      close: (_, code, reason) => void seen.closes.push([code, reason]),
    },
  });
  return {
    ...seen,
    url: `http://127.0.0.1:${server.port}`,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

async function open(url: string, protocols: string[] = []): Promise<WebSocket> {
  const socket = new WebSocket(url.replace("http", "ws"), protocols);
  socket.binaryType = "arraybuffer";
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.onopen = () => resolve();
  socket.onerror = () => reject(new Error("not opened"));
  await promise;
  return socket;
}

function next<K extends "message" | "close">(
  socket: WebSocket,
  event: K,
): Promise<WebSocketEventMap[K]> {
  return new Promise((resolve) => socket.addEventListener(event, resolve, { once: true }));
}

describe.each(TRANSPORTS)("by %s, a WebSocket", (transport) => {
  test("carries text, binary and its subprotocol, and both sides see the other's close", async () => {
    using backend = echoBackend();
    await using proxy = startProxy({ transport, backends: [backend.url] });
    const socket = await open(`${proxy.url}/chat?a=b`, ["first", "second"]);
    expect(socket.protocol).toBe("second");
    expect(new URL(backend.requests[0]!.url).search).toBe("?a=b");
    expect(backend.requests[0]!.headers.get("x-forwarded-for")).toBe("127.0.0.1");
    socket.send("grüße");
    expect((await next(socket, "message")).data).toBe("grüße");
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    socket.send(bytes);
    expect(new Uint8Array((await next(socket, "message")).data)).toEqual(bytes);
    const closed = next(socket, "close");
    socket.send("close");
    expect(await closed).toMatchObject({ code: 4321, reason: "as agreed" });
    await proxy.idle();

    const other = await open(proxy.url);
    other.close(4001, "enough");
    await next(other, "close");
    await proxy.idle();
    expect(backend.closes.at(-1)).toEqual([4001, "enough"]);
    expect(proxy.logLines()[0]).toMatchObject({ status: 101, decision: "admitted" });
  });

  test("costs one token at the handshake, however much it carries", async () => {
    using backend = echoBackend();
    const clients = { a: { capacity: 2, ratePerSec: 0.001 } };
    await using proxy = startProxy({ transport, backends: [backend.url], clients });
    const url = `${proxy.url}/?client_id=a`;
    const sockets = [await open(url), await open(url)];
    for (let i = 0; i < 20; i++) {
      sockets[0]!.send("x");
      await next(sockets[0]!, "message");
    }
    expect(open(url)).rejects.toThrow();
    expect((await fetch(url)).status).toBe(429);
    for (const socket of sockets) socket.close();
    await proxy.idle();
  });

  test("holds back a sender whose peer does not read", async () => {
    let received = 0;
    using backend = rawBackend(async (_, { socket, write }) => {
      await write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
      );
      socket.pause();
    });
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    const upgrade = { Connection: "Upgrade", Upgrade: "websocket" };
    await client.send(requestText("GET /", upgrade));
    await client.until(({ text }) => text.includes("101 "));
    void (async () => {
      for (let i = 0; i < 256; i++) {
        await client.send(new Uint8Array(1024 * 1024));
        received++;
      }
    })();
    await Bun.sleep(700);
    expect(received).toBeLessThan(64);
    client.leave();
    await backend.until(() => backend.open === 0);
    await proxy.idle();
  });

  test("stays open while it is quiet, longer than any timeout", async () => {
    using backend = echoBackend();
    const limits = { idleMs: 200, bodyIdleMs: 200, writeIdleMs: 200, headMs: 200 };
    await using proxy = startProxy({
      transport,
      backends: [backend.url],
      config: { requestMs: 200 },
      limits,
    });
    const socket = await open(proxy.url);
    await Bun.sleep(1000);
    socket.send("still here");
    expect((await next(socket, "message")).data).toBe("still here");
    socket.close();
    await proxy.idle();
  });

  test("does not hold up a stop for long", async () => {
    using backend = echoBackend();
    await using proxy = startProxy({
      transport,
      backends: [backend.url],
      limits: { tunnelDrainMs: 200 },
    });
    const socket = await open(proxy.url);
    const closed = next(socket, "close");
    const started = performance.now();
    await proxy.drain();
    expect(performance.now() - started).toBeWithin(100, 2000);
    await closed;
    await proxy.idle();
  });

  test("that the backend refuses is an ordinary answer, and the connection goes on", async () => {
    using backend = rawBackend((_, { write, count }) =>
      write(
        count === 1
          ? "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno"
          : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      ),
    );
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    const upgrade = { Connection: "Upgrade", Upgrade: "websocket" };
    const refused = await client.exchange(requestText("GET /", upgrade));
    expect([refused.status, refused.body]).toEqual([426, "no"]);
    expect((await client.exchange(requestText("GET /"))).status).not.toBe(101);
    await proxy.idle();
  });

  test("goes to the next backend when the first is not there", async () => {
    using backend = echoBackend();
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const gone = `http://127.0.0.1:${listener.port}`;
    listener.stop(true);
    await using proxy = startProxy({ transport, backends: [gone, backend.url], fall: 100 });
    for (let i = 0; i < 2; i++) {
      const socket = await open(proxy.url);
      socket.close();
    }
    await proxy.idle();
  });

  test("is what is asked for: h2c is not", async () => {
    using backend = rawBackend();
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    const upgrade = {
      Connection: "Upgrade, HTTP2-Settings",
      Upgrade: "h2c",
      "HTTP2-Settings": "AAMA",
    };
    expect((await client.exchange(requestText("GET /", upgrade))).status).toBe(200);
    const names = backend.requests[0]!.headers.map(([name]) => name);
    expect(names).not.toContain("upgrade");
    expect(names).not.toContain("http2-settings");
  });
});
