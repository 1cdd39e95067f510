// Traces go through the gateway: what the backend and the access log hear of them, and what a
// receiver of spans is told, over both transports.

import { describe, expect, test } from "bun:test";
import { startExport } from "../../../src/data/tracing/exporter.ts";
import { rawBackend } from "../../support/backend.ts";
import { otlpReceiver, type OtlpReceiver } from "../../support/otlp-receiver.ts";
import { requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";
import { RawClient, valuesOf } from "../../support/raw-client.ts";
import { recordedLog } from "../../support/recorded-log.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const GIVEN = `00-${TRACE}-${SPAN}-01`;
/** By the gateway. */
const STARTED = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01$/;

function exportTo(receiver: OtlpReceiver) {
  const { logger: log, lines } = recordedLog();
  const spans = startExport({
    endpoint: receiver.url,
    serviceName: "front door",
    version: "1.2.3",
    instance: "1-0",
    log,
  });
  return { spans, lines };
}

describe.each(TRANSPORTS)("%s", (transport) => {
  const forwarded = async (headers: Record<string, string>) => {
    using backend = rawBackend();
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    await client.exchange(requestText("GET /", headers));
    await proxy.idle();
    const [request] = backend.requests;
    const [line] = proxy.logLines();
    return {
      traceparent: valuesOf(request!, "traceparent"),
      tracestate: valuesOf(request!, "tracestate"),
      logged: line!["trace_id"],
    };
  };

  test("a trace that comes goes on untouched, and is in the log", async () => {
    expect(await forwarded({ traceparent: GIVEN, tracestate: "a=1,b=2" })).toEqual({
      traceparent: [GIVEN],
      tracestate: ["a=1,b=2"],
      logged: TRACE,
    });
  });

  test.each([
    {},
    { traceparent: "00-1-2-3", tracestate: "a=1" },
    { Connection: "traceparent", traceparent: GIVEN, tracestate: "a=1" },
  ])("one starts where none that is valid comes: %p", async (headers) => {
    const { traceparent, tracestate, logged } = await forwarded(headers);
    expect(traceparent).toEqual([expect.stringMatching(STARTED)]);
    expect(tracestate).toEqual([]);
    expect(logged).toBe(traceparent[0]!.slice(3, 35));
    expect(logged).not.toBe(TRACE);
  });

  test("one starts or goes on also where nobody here looks on", async () => {
    using backend = rawBackend();
    await using proxy = startProxy({ transport, backends: [backend.url], log: false });
    using client = await RawClient.connect(proxy.port);
    await client.exchange(requestText("GET /"));
    await client.exchange(requestText("GET /"));
    await client.exchange(requestText("GET /", { traceparent: GIVEN }));
    const places = backend.requests.map((request) => valuesOf(request, "traceparent"));
    const started = expect.stringMatching(STARTED);
    expect(places).toEqual([[started], [started], [GIVEN]]);
    expect(places[0]).not.toEqual(places[1]!);
  });

  test("two of them are none", async () => {
    using backend = rawBackend();
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    const two = `traceparent: ${GIVEN}\r\ntraceparent: ${GIVEN}\r\n`;
    await client.exchange(`GET / HTTP/1.1\r\nHost: a\r\n${two}\r\n`);
    const sent = valuesOf(backend.requests[0]!, "traceparent");
    expect(sent).toHaveLength(1);
    expect(sent[0]).not.toContain(TRACE);
  });

  test("spans of an answered request: ours between the caller's and the backend's", async () => {
    using receiver = otlpReceiver();
    using backend = rawBackend();
    const { spans } = exportTo(receiver);
    const clients = { a: { capacity: 5, ratePerSec: 1 } };
    await using proxy = startProxy({ transport, backends: [backend.url], clients, spans });
    const before = Date.now();
    const url = `${proxy.url}/x?client_id=a&token=t`;
    await (await fetch(url, { method: "POST", body: "b", headers: { traceparent: GIVEN } })).text();
    await proxy.idle();
    await spans.close();
    const [server, forward] = receiver.spans;
    expect(receiver.spans).toHaveLength(2);
    expect(server).toMatchObject({
      traceId: TRACE,
      parentSpanId: SPAN,
      name: "POST",
      kind: 2,
      status: { code: 0 },
      resource: { "service.name": "front door", "service.version": "1.2.3" },
      attributes: {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "url.path": "/x",
        "url.query": "client_id=a&token=***",
        "client.address": "127.0.0.1",
        "gateway.decision": "admitted",
        "gateway.client_id": "a",
        "gateway.request_id": valuesOf(backend.requests[0]!, "x-request-id")[0],
      },
    });
    expect(forward).toMatchObject({
      traceId: TRACE,
      parentSpanId: server!.spanId,
      kind: 3,
      attributes: {
        "server.address": "127.0.0.1",
        "server.port": backend.port,
        "url.full": `${backend.url}/x?client_id=a&token=***`,
        "http.response.status_code": 200,
      },
    });
    expect(valuesOf(backend.requests[0]!, "traceparent")).toEqual([
      `00-${TRACE}-${forward!.spanId}-01`,
    ]);
    const [start, sent, end] = [server!, forward!, server!].map(
      (span, i) =>
        Number(BigInt(i < 2 ? span.startTimeUnixNano : span.endTimeUnixNano) / 1000n) / 1000,
    ) as [number, number, number];
    expect(start).toBeWithin(before - 5, Date.now() + 1);
    expect(sent).toBeWithin(start, end);
    expect(end).toBeWithin(sent, Date.now() + 1);
  });

  test("spans of requests that went wrong say so", async () => {
    using receiver = otlpReceiver();
    using dead = rawBackend((_, { socket }) => socket.terminate());
    using alive = rawBackend();
    const { spans } = exportTo(receiver);
    const clients = { a: { capacity: 1, ratePerSec: 0.001 } };
    const backends = [dead.url, alive.url];
    await using proxy = startProxy({ transport, backends, clients, spans });
    for (const method of ["POST", "DELETE", "GET"]) {
      await (
        await fetch(`${proxy.url}/?client_id=${method === "GET" ? "a" : "b"}`, { method })
      ).text();
    }
    await (await fetch(`${proxy.url}/?client_id=a`)).text();
    await proxy.idle();
    await spans.close();
    const of = (kind: number, method: string) =>
      receiver.spans.filter((span) => span.kind === kind && span.name === method);
    // The POST had gone to the backend that died; the others were tried again or went elsewhere.
    expect(of(2, "POST")).toMatchObject([
      {
        status: { code: 2 },
        attributes: { "http.response.status_code": 502, "error.type": "502" },
      },
    ]);
    expect(of(3, "POST")[0]!.attributes).not.toContainKey("http.response.status_code");
    expect(of(2, "GET").map(({ attributes }) => attributes["gateway.decision"])).toEqual([
      "admitted",
      "limited",
    ]);
    const resent = receiver.spans.map(({ attributes }) => attributes["http.request.resend_count"]);
    expect(resent.filter((count) => count !== undefined)).toEqual([1]);
    // The limited one was not forwarded.
    expect(of(3, "GET")).toHaveLength(1);
  });
});

test("a caller that does not want its trace recorded is not", async () => {
  using receiver = otlpReceiver();
  using backend = rawBackend();
  const { spans } = exportTo(receiver);
  await using proxy = startProxy({ backends: [backend.url], spans });
  const headers = { traceparent: `00-${TRACE}-${SPAN}-00` };
  await (await fetch(proxy.url, { headers })).text();
  await (await fetch(proxy.url)).text();
  await proxy.idle();
  await spans.close();
  expect(receiver.spans).toHaveLength(2);
  expect(receiver.spans.filter(({ traceId }) => traceId === TRACE)).toEqual([]);
  expect(valuesOf(backend.requests[0]!, "traceparent")[0]).toEndWith("-00");
});

test("a receiver that fails costs one line in the log, and no request", async () => {
  using receiver = otlpReceiver();
  using backend = rawBackend();
  receiver.status = 400;
  const { spans, lines } = exportTo(receiver);
  await using proxy = startProxy({ backends: [backend.url], spans });
  for (let i = 0; i < 3; i++) expect((await fetch(proxy.url)).status).toBe(200);
  await proxy.idle();
  await spans.close();
  const warnings = lines.filter((line) => line["level"] === "warn");
  expect(warnings).toHaveLength(1);
  expect(receiver.spans).toHaveLength(0);
});
