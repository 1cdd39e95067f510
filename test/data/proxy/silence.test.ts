// A backend that goes silent in the middle of its answer is cut; whoever may be quiet, or waits for
// somebody else, is not. What was cut always began after what must live, so that no time is guessed.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type RawBackend, rawBackend } from "../../support/backend.ts";
import { type Proxy, requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";
import { RawClient } from "../../support/raw-client.ts";

const CHUNKED = "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n";
const SHORT_LENGTH = 1000;
const SHORT = `HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: ${SHORT_LENGTH}\r\n\r\n`;
const EVENTS =
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n" +
  "Transfer-Encoding: chunked\r\n\r\n";
const SILENT = `${CHUNKED}3\r\nabc\r\n`;

/** Who is silent, by the last part of the target. */
const ANSWERS: Readonly<Record<string, string>> = {
  "/silent": SILENT,
  "/of-known-length": "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 100000\r\n\r\nabc",
  "/until-close": "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nConnection: close\r\n\r\nabc",
};

describe.each(TRANSPORTS)("by %s", (transport) => {
  const start = (backend: RawBackend): Proxy =>
    startProxy({ transport, backends: [backend.url], config: { streamIdleMs: 400, maxBody: 0 } });

  async function ask(proxy: Proxy, target: string): Promise<RawClient> {
    const client = await RawClient.connect(proxy.port);
    await client.send(requestText(`GET ${target}`));
    return client;
  }

  /** Longer than the deadline. */
  async function afterACut(proxy: Proxy): Promise<void> {
    using client = await ask(proxy, "/silent");
    await client.untilClosed();
  }

  test.each(Object.keys(ANSWERS))("an answer that stops is cut: %s", async (target) => {
    using backend = rawBackend((request, { write }) => write(ANSWERS[request.target]!));
    await using proxy = start(backend);
    using client = await ask(proxy, target);
    await client.until(({ text }) => text.includes("abc"));
    await client.untilClosed();
    expect(client.text.trimEnd()).toEndWith("abc");
    await backend.until(() => backend.open === 0);
    await proxy.idle();
    expect(proxy.metrics.total("upstream_reset")).toBe(1);
    expect(proxy.logLines()).toMatchObject([{ status: 200, bytes: 3, broken_by: "backend" }]);
    expect(proxy.errors).toEqual([]);
  });

  test("a short answer that stops is no whole one", async () => {
    using backend = rawBackend((_, { write }) =>
      write("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 10\r\n\r\nabc"),
    );
    await using proxy = start(backend);
    const answer = await fetch(proxy.url)
      .then((response) => response.text().then(() => response.status))
      .catch(() => "broken");
    expect(answer).toBeOneOf([502, "broken"]);
    await proxy.idle();
    expect(proxy.logLines()).toMatchObject([{ broken_by: "backend" }]);
  });

  test.each([
    ["an answer", CHUNKED, "1\r\nx\r\n", "3\r\nend\r\n0\r\n\r\n"],
    ["a short one", SHORT, "x", "end".padStart(SHORT_LENGTH, "x")],
  ])("%s that goes on is not, however long it takes", async (_, head, piece, rest) => {
    const others = Promise.withResolvers<void>();
    using backend = rawBackend(async ({ target }, { write }) => {
      if (target === "/silent") return write(SILENT);
      await write(head);
      let written = 0;
      const drip = setInterval(() => {
        written++;
        void write(piece);
      }, 100);
      await others.promise;
      clearInterval(drip);
      await write(head === SHORT ? rest.slice(written) : rest);
    });
    await using proxy = start(backend);
    const long = fetch(`${proxy.url}/long`).then((response) => response.text());
    await afterACut(proxy);
    await afterACut(proxy);
    others.resolve();
    expect(await long).toMatch(/^x+end$/);
  });

  test("nor are event streams and WebSockets", async () => {
    const others = Promise.withResolvers<void>();
    using backend = rawBackend(async ({ target }, { write }) => {
      if (target === "/silent") return write(SILENT);
      const events = target === "/events";
      await write(
        events ? EVENTS : "HTTP/1.1 101 Over\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
      );
      await others.promise;
      await write(events ? "3\r\nend\r\n0\r\n\r\n" : "end");
    });
    await using proxy = start(backend);
    using events = await ask(proxy, "/events");
    using upgraded = await RawClient.connect(proxy.port);
    await upgraded.send(
      requestText("GET /ws", { Connection: "Upgrade", Upgrade: "websocket", ...HANDSHAKE }),
    );
    for (const client of [events, upgraded]) {
      await client.until(({ text }) => text.includes("\r\n\r\n"));
    }
    await afterACut(proxy);
    await afterACut(proxy);
    others.resolve();
    await events.until(({ text }) => text.endsWith("0\r\n\r\n"));
    await upgraded.until(({ text }) => text.endsWith("end"));
  });

  test("nor is one whose client does not read", async () => {
    const SIZE = 24 << 20;
    using backend = rawBackend(async ({ target }, { write }) => {
      if (target === "/silent") return write(SILENT);
      await write(`HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: ${SIZE}\r\n\r\n`);
      await write(new Uint8Array(SIZE));
    });
    await using proxy = start(backend);
    using client = await RawClient.connect(proxy.port, { keep: false });
    await client.send(requestText("GET /large"));
    await client.until(({ received }) => received > 0);
    client.pause();
    await afterACut(proxy);
    await afterACut(proxy);
    client.resume();
    await client.until(({ received }) => received > SIZE);
    await proxy.idle();
    expect(proxy.logLines().at(-1)).toMatchObject({ status: 200, bytes: SIZE });
  });

  test("nor is one that waits for the rest of an upload", async () => {
    using backend = rawBackend(async (request, { write }) => {
      if (request.target === "/silent") return write(SILENT);
      await write(SILENT);
      await backend.until(() => request.body.endsWith("0\r\n\r\n"));
      await write("3\r\nend\r\n0\r\n\r\n");
    });
    await using proxy = start(backend);
    using client = await RawClient.connect(proxy.port);
    await client.send(
      requestText("POST /upload", { "Transfer-Encoding": "chunked" }, "1\r\nx\r\n"),
    );
    await client.until(({ text }) => text.includes("abc"));
    await afterACut(proxy);
    await afterACut(proxy);
    await client.send("0\r\n\r\n");
    await client.until(({ text }) => text.endsWith("end\r\n0\r\n\r\n"));
  });

  test("and the kernel asks after every peer, upgraded or not", async () => {
    using backend = rawBackend(async ({ target }, { write }) => {
      const events = target === "/events";
      await write(
        events ? EVENTS : "HTTP/1.1 101 Over\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
      );
    });
    await using proxy = start(backend);
    using events = await ask(proxy, "/events");
    using upgraded = await RawClient.connect(proxy.port);
    await upgraded.send(
      requestText("GET /ws", { Connection: "Upgrade", Upgrade: "websocket", ...HANDSHAKE }),
    );
    for (const client of [events, upgraded]) {
      await client.until(({ text }) => text.includes("\r\n\r\n"));
    }
    // The gateway's ends: those at its port, and those that lead to the backend.
    expect(await keepAliveTimers("local", proxy.port)).toEqual([true, true]);
    expect(await keepAliveTimers("remote", backend.port)).toEqual([true, true]);
  });
});

const HANDSHAKE = {
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** For each established connection with that port, whether a keep-alive timer runs. */
async function keepAliveTimers(side: "local" | "remote", port: number): Promise<boolean[]> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (;;) {
    const rows = readFileSync("/proc/self/net/tcp", "latin1")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter((row) => row[3] === "01" && row[side === "local" ? 1 : 2]!.endsWith(wanted));
    // While a byte is on its way, another timer runs in its place.
    if (rows.every((row) => !row[5]!.startsWith("01"))) {
      return rows.map((row) => row[5]!.startsWith("02"));
    }
    await Bun.sleep(10);
  }
}
