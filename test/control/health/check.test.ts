// One check against real listeners: what counts as success, and what is said about the rest.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { check, type CheckResult } from "../../../src/control/health/check.ts";
import { BackendProcess } from "../../support/backend-process.ts";

const seen: Request[] = [];
const ports: number[] = [];
let server: Bun.Server<undefined>;
let silent: Bun.TCPSocketListener<undefined>;
let closing: Bun.TCPSocketListener<undefined>;

beforeAll(() => {
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request, self) {
      seen.push(request);
      ports.push(self.requestIP(request)!.port);
      const status = Number(new URL(request.url).pathname.slice(1));
      return new Response("body", { status, headers: { Location: "/500" } });
    },
  });
  const listen = (open: (socket: Bun.Socket<undefined>) => void) =>
    Bun.listen<undefined>({ hostname: "127.0.0.1", port: 0, socket: { open, data() {} } });
  silent = listen(() => {});
  closing = listen((socket) => void socket.end());
});

afterAll(async () => {
  await server.stop(true);
  silent.stop(true);
  closing.stop(true);
});

function run(url: string, timeoutMs = 2000, signal = new AbortController().signal) {
  return check({ url, timeoutMs, signal, accept: (status) => status < 400 });
}

const expected = (ok: boolean, detail: string): CheckResult => ({ ok, detail });

test.each([200, 204, 301, 302, 399])(
  "status %d is a success, redirects are not followed",
  async (status) => {
    seen.length = 0;
    expect(await run(`${server.url}${status}`)).toEqual(expected(true, `status ${status}`));
    expect(seen.map((request) => new URL(request.url).pathname)).toEqual([`/${status}`]);
  },
);

test.each([400, 404, 429, 500, 503])("status %d is a failure", async (status) => {
  expect(await run(`${server.url}${status}`)).toEqual(expected(false, `status ${status}`));
});

test("each check opens a connection of its own", async () => {
  ports.length = 0;
  for (let i = 0; i < 5; i++) await run(`${server.url}200`);
  expect(new Set(ports).size).toBe(5);
});

test("a port where nobody listens", async () => {
  const gone = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  gone.stop(true);
  expect(await run(`http://127.0.0.1:${gone.port}/`)).toEqual(
    expected(false, "connection refused"),
  );
});

test("a backend that accepts and never answers costs the timeout, no more", async () => {
  const start = performance.now();
  const result = await run(`http://127.0.0.1:${silent.port}/`, 60);
  expect(result).toEqual(expected(false, "no answer within 60 ms"));
  expect(performance.now() - start).toBeLessThan(1000);
});

test("a backend that closes the connection", async () => {
  expect(await run(`http://127.0.0.1:${closing.port}/`)).toEqual(
    expected(false, "connection closed before an answer"),
  );
});

test("a host name that does not exist", async () => {
  expect(await run("http://no-such-host.invalid/")).toEqual(expected(false, "host name not found"));
});

test("a backend that does not speak TLS", async () => {
  const { port } = server;
  expect(await run(`https://127.0.0.1:${port}/200`)).toEqual(
    expected(false, "TLS handshake failed"),
  );
});

test("the signal ends it at once, also when it was raised before", async () => {
  const stop = new AbortController();
  const running = run(`http://127.0.0.1:${silent.port}/`, 60_000, stop.signal);
  stop.abort();
  expect(await running).toEqual(expected(false, "stopped"));
  expect(await run(`http://127.0.0.1:${silent.port}/`, 60_000, stop.signal)).toEqual(
    expected(false, "stopped"),
  );
});

test("that this thread was busy is not held against the backend", async () => {
  await using backend = await BackendProcess.start("elsewhere");
  const checking = run(backend.url, 100);
  // Nothing of this thread runs meanwhile, as when a million clients are restored.
  await Promise.resolve();
  Bun.sleepSync(300);
  expect(await checking).toEqual(expected(true, "status 200"));
});
