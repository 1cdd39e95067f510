// What the logs say when a backend fails a request: the access log how, a warning about the backend
// what was seen.

import { describe, expect, test } from "bun:test";
import { type Behaviour, closedPort, OK, rawBackend } from "../../support/backend.ts";
import { type Proxy, requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";
import { RawClient } from "../../support/raw-client.ts";

const HALF = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf of it";
const TARGET = "/secret?token=s3cret";

const hangUp: Behaviour = (_, { socket }) => socket.terminate();
const nonsense: Behaviour = (_, { write }) => write("HTTP/1.1 nonsense\r\n\r\n");
const unfit: Behaviour = (_, { write }) =>
  write("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n");
const silent: Behaviour = () => {};
const goSilent: Behaviour = (_, { write }) => write(HALF);
const breakOff: Behaviour = async (_, { socket, write }) => {
  await write(HALF);
  socket.end();
};

describe.each(TRANSPORTS)("by %s", (transport) => {
  const start = (backends: readonly string[]): Proxy =>
    startProxy({ transport, backends, config: { requestMs: 150, streamIdleMs: 150 } });

  async function ask(proxy: Proxy): Promise<void> {
    using client = await RawClient.connect(proxy.port);
    await client.send(requestText(`GET ${TARGET}`, { Connection: "close" }));
    await client.untilClosed();
    await proxy.idle();
  }

  test("a backend that cannot be reached", async () => {
    const url = `http://127.0.0.2:${closedPort()}`;
    await using proxy = start([url]);
    await ask(proxy);
    expect(proxy.logLines()).toMatchObject([{ status: 502, backend: url, failure: "connect" }]);
    expect(proxy.failureLines).toEqual([
      {
        time: expect.any(String),
        level: "warn",
        component: "test",
        message: "upstream failed",
        url,
        failure: "connect",
        error: "ECONNREFUSED",
        count: 1,
      },
    ]);
  });

  const ways: [string, Behaviour, object, string | RegExp][] = [
    ["hangs up", hangUp, { status: 502, failure: "reset" }, /closed|ECONNRESET/],
    ["is no HTTP", nonsense, { status: 502, failure: "malformed" }, /\w/],
    ["cannot be handed on", unfit, { status: 502, failure: "malformed" }, /\w/],
    ["does not come", silent, { status: 504, failure: "timeout" }, "no answer in time"],
    [
      "stops coming",
      goSilent,
      { status: 200, broken_by: "backend", failure: "reset" },
      "no more of the answer in time",
    ],
    ["breaks off", breakOff, { status: 200, broken_by: "backend", failure: "reset" }, /\w/],
  ];
  test.each(ways)("an answer that %s", async (_, behaviour, line, error) => {
    using backend = rawBackend(behaviour);
    await using proxy = start([backend.url]);
    await ask(proxy);
    expect(proxy.logLines()).toMatchObject([line]);
    const { failure } = line as { failure: string };
    const said = typeof error === "string" ? error : expect.stringMatching(error);
    const warning = { url: backend.url, failure, error: said, count: 1 };
    expect(proxy.failureLines).toMatchObject([warning]);
    expect(JSON.stringify(proxy.failureLines)).not.toMatch(/s3cret|secret/);
  });

  test("what another backend answered has failed nobody, but the first one", async () => {
    const url = `http://127.0.0.2:${closedPort()}`;
    using backend = rawBackend();
    await using proxy = start([url, backend.url]);
    await ask(proxy);
    await ask(proxy);
    const lines = proxy.logLines();
    expect(lines).toMatchObject([{ status: 200 }, { status: 200 }]);
    expect(lines.filter((line) => "failure" in line)).toEqual([]);
    expect(proxy.failureLines).toMatchObject([{ url, failure: "connect", count: 1 }]);
  });

  test("what the client did is no failure of the backend", async () => {
    using backend = rawBackend((request, { write }) =>
      request.target === "/none" ? undefined : write(OK),
    );
    await using proxy = startProxy({ transport, backends: [backend.url], config: { maxBody: 10 } });
    const client = await RawClient.connect(proxy.port);
    await client.send(requestText("GET /none"));
    await backend.until(() => backend.requests.length === 1);
    client[Symbol.dispose]();
    await proxy.idle();
    await fetch(proxy.url, { method: "POST", body: "more than ten bytes" });
    await proxy.idle();
    const lines = proxy.logLines();
    expect(lines).toMatchObject([{ status: 499, broken_by: "client" }, { status: 413 }]);
    expect(lines.filter((line) => "failure" in line)).toEqual([]);
    expect(proxy.failureLines).toEqual([]);
  });

  test("a backend that goes on failing has one line, not one for each request", async () => {
    await using proxy = start([`http://127.0.0.2:${closedPort()}`]);
    for (let i = 0; i < 3; i++) await ask(proxy);
    expect(proxy.logLines().filter(({ failure }) => failure === "connect").length).toBe(3);
    expect(proxy.failureLines).toHaveLength(1);
  });
});
