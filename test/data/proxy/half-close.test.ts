// A client that sends its requests, ends its direction and then reads: what came before the end is
// answered, however much of it was still unread then.

import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { OK, rawBackend } from "../../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";

/** All that comes back; `onText` sees it grow. */
function sendAndEnd(
  port: number,
  input: string,
  onText: (sofar: string) => void = () => {},
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let text = "";
  socket.on("data", (bytes: Buffer) => onText((text += bytes.toString("latin1"))));
  socket.on("end", () => {
    socket.destroy();
    resolve(text);
  });
  socket.on("error", reject);
  socket.end(input, "latin1");
  return promise;
}

const statuses = (text: string): string[] => text.match(/HTTP\/1\.1 \d{3}/g) ?? [];

describe.each(TRANSPORTS)("%s", (transport) => {
  const chunked = (body: string): string =>
    requestText("POST /", { "Transfer-Encoding": "chunked" }, body);

  test.each([
    ["a body in several chunks", chunked("3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n"), 1],
    ["a body with trailers", chunked("3\r\nabc\r\n0\r\nA: b\r\n\r\n"), 1],
    ["a body and another request", chunked("3\r\nabc\r\n0\r\n\r\n") + requestText("GET /two"), 2],
    ["twenty requests", requestText("GET /").repeat(20), 20],
  ])("%s", async (_, input, answers) => {
    using backend = rawBackend(async (request, { write }) => {
      if (request.method === "POST") await backend.until(() => request.body.endsWith("0\r\n\r\n"));
      await write(OK);
    });
    await using proxy = startProxy({ transport, backends: [backend.url] });
    expect(statuses(await sendAndEnd(proxy.port, input))).toEqual(
      Array.from({ length: answers }, () => "HTTP/1.1 200"),
    );
    expect(backend.requests).toHaveLength(answers);
    await proxy.idle();
  });

  test.each([
    ["without a body", requestText("GET /")],
    ["with one", requestText("POST /", { "Content-Length": "2" }, "hi")],
    ["the second of two", requestText("GET /at-once") + requestText("GET /")],
  ])("an answer that takes its time, %s", async (_, input) => {
    const asked = Promise.withResolvers<void>();
    using backend = rawBackend(async ({ target }, { write }) => {
      if (target !== "/at-once") await asked.promise;
      await write(OK);
    });
    const limits = { halfCloseMs: 100, halfCloseAgainMs: 100 };
    await using proxy = startProxy({ transport, backends: [backend.url], limits });
    const text = await sendAndEnd(proxy.port, input, (sofar) => {
      // Asked twice whether it is still there, it still waits.
      if (sofar.split("HTTP/1.1 100 Continue\r\n\r\n").length === 3) asked.resolve();
    });
    expect(text.replaceAll("HTTP/1.1 100 Continue\r\n\r\n", "")).toStartWith("HTTP/1.1 200 ");
    expect(text).toEndWith("ok");
    await proxy.idle();
  });

  test("HTTP/1.0, which cannot be asked, is waited for no longer", async () => {
    using backend = rawBackend(() => {});
    const limits = { halfCloseMs: 100 };
    await using proxy = startProxy({ transport, backends: [backend.url], limits });
    expect(await sendAndEnd(proxy.port, "GET / HTTP/1.0\r\n\r\n")).toBe("");
    await backend.until(() => backend.open === 0);
    await proxy.idle();
  });

  test("the rest of an answer that has begun and pauses is waited for no longer", async () => {
    const begun = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n";
    using backend = rawBackend((_, { write }) => write(begun));
    const limits = { halfCloseMs: 100 };
    await using proxy = startProxy({ transport, backends: [backend.url], limits });
    const text = await sendAndEnd(proxy.port, requestText("GET /"));
    expect(text).toEndWith("\r\n\r\n9\r\ndata: 1\n\n\r\n");
    await backend.until(() => backend.open === 0);
    await proxy.idle();
  });

  test("half of a body is not waited for", async () => {
    using backend = rawBackend(() => {});
    await using proxy = startProxy({ transport, backends: [backend.url] });
    expect(statuses(await sendAndEnd(proxy.port, chunked("3\r\nabc\r\n5\r\nd")))).toEqual([]);
    await proxy.idle();
  });
});
