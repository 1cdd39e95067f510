// Whatever backends do, the books balance: what the metrics say after a load is what its clients have
// counted, request by request and try by try. On the compiled executable, over both transports.

import { describe, expect, test } from "bun:test";
import { type Behaviour, OK, rawBackend } from "../support/backend.ts";
import { BackendProcess } from "../support/backend-process.ts";
import { Gateway } from "../support/gateway.ts";
import { HEALTH_PATH, startHelloBackends } from "../support/hello-backends.ts";
import { TRANSPORTS } from "../support/proxy.ts";
import { SteadyLoad } from "../support/steady-load.ts";

const CONNECTIONS = 12;

/** Sums of the metrics' samples. */
class Books {
  readonly #lines: readonly string[];

  private constructor(text: string) {
    this.#lines = text.split("\n").filter((line) => /^\w/.test(line));
  }

  /** Once nothing is in flight any more. */
  static async of(gateway: Gateway): Promise<Books> {
    for (;;) {
      const books = new Books(await (await gateway.api("GET", "/-/metrics")).text());
      const open = ["gateway_requests_in_flight", "gateway_backend_requests_in_flight"];
      if (open.every((name) => books.sum(name) === 0)) return books;
      await Bun.sleep(5);
    }
  }

  sum(name: string, ...labels: string[]): number {
    const chosen = this.#lines.filter(
      (line) => /^\w+/.exec(line)![0] === name && labels.every((label) => line.includes(label)),
    );
    if (chosen.length === 0) throw new Error(`no samples of ${name} ${labels.join()}`);
    return chosen.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  }
}

const of5xx = ({ statuses }: SteadyLoad): number =>
  [...statuses].reduce((sum, [status, count]) => sum + (status >= 500 ? count : 0), 0);

/** `cut`: answers that broke off when nothing could be taken back any more. */
function balance(books: Books, load: SteadyLoad, cut: number): void {
  const requests = (...labels: string[]) => books.sum("gateway_requests_total", ...labels);
  const responses = (...labels: string[]) => books.sum("gateway_responses_total", ...labels);
  const upstream = (reason: string) =>
    books.sum("gateway_upstream_failures_total", `reason="${reason}"`);
  const retries = books.sum("gateway_upstream_retries_total");
  const failedTries = books.sum("gateway_backend_failures_total");
  const unplaced = upstream("none_healthy") + upstream("saturated");
  const broken = upstream("connect") + upstream("reset") + upstream("timeout") - failedTries;

  // Requests.
  expect(requests()).toBe(load.answered + load.failed);
  expect(requests('decision="admitted"', 'status_class="2xx"')).toBe(load.with(200) + cut);
  expect(requests('decision="admitted"', 'status_class="5xx"')).toBe(of5xx(load));
  expect(responses()).toBe(load.answered + load.failed);
  expect(responses('origin="gateway"', 'status_class="5xx"')).toBe(of5xx(load));
  expect(books.sum("gateway_request_duration_seconds_count")).toBe(load.answered + load.failed);
  expect(load.failed).toBe(cut);
  // Tries: each request that found a backend, and each repetition, is one at one backend.
  expect(books.sum("gateway_backend_requests_total")).toBe(requests() - unplaced + retries);
  expect(books.sum("gateway_backend_retries_total")).toBe(retries);
  // Every try that failed was repeated or became an answer of the gateway, as did every request
  // without a backend and every answer that broke off before its head had left.
  expect(failedTries - retries + unplaced + broken - cut).toBe(of5xx(load));
  expect(books.sum("gateway_client_aborts_total")).toBe(0);
}

describe.each(TRANSPORTS)("by %s", (transport) => {
  const start = (backends: readonly string[], env: Record<string, string> = {}) =>
    Gateway.start({
      backends,
      env: {
        TRANSPORT: transport,
        ACCESS_LOG: "off",
        HEALTH_PATH,
        HEALTH_INTERVAL: "100ms",
        HEALTH_TIMEOUT: "200ms",
        REQUEST_TIMEOUT: "400ms",
        ANONYMOUS_CAPACITY: "1000000000",
        ANONYMOUS_RATE_PER_SEC: "1000000000",
        ...env,
      },
    });
  const ask = ({ port }: Gateway) => new SteadyLoad({ port, path: "/", connections: CONNECTIONS });

  test.each(["kill", "stop", "freeze"] as const)("one of three: %s", async (how) => {
    await using one = await BackendProcess.start("one");
    await using two = await BackendProcess.start("two");
    await using three = await BackendProcess.start("three");
    await using gateway = await start([one.url, two.url, three.url]);
    const load = ask(gateway);
    await load.more(500);
    await two[how]();
    await gateway.log(({ message }) => /unhealthy|eject/.test(message));
    await load.more(1000);
    await load.stop();
    if (how !== "freeze") expect([...load.statuses.keys()]).toEqual([200]);
    balance(await Books.of(gateway), load, 0);
  });

  test("all of them", async () => {
    await using one = await BackendProcess.start("one");
    await using two = await BackendProcess.start("two");
    await using gateway = await start([one.url, two.url]);
    const load = ask(gateway);
    await load.more(300);
    await Promise.all([one.kill(), two.kill()]);
    while (load.with(503) < 300) await load.more(50);
    await one.restart();
    const before = load.with(200);
    while (load.with(200) < before + 300) await load.more(50);
    await load.stop();
    balance(await Books.of(gateway), load, 0);
  });

  const half = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf of it";
  const parts: [string, Behaviour][] = [
    [
      "resets in the middle of an answer",
      async (_, { socket, write }) => {
        await write(half);
        socket.terminate();
      },
    ],
    [
      "ends in the middle of a short answer",
      async (_, { socket, write }) => {
        await write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        socket.end();
      },
    ],
    [
      "ends in the middle of chunks",
      async (_, { socket, write }) => {
        await write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        socket.end();
      },
    ],
    [
      "closes idle connections at random",
      async (_, { socket, write }) => {
        await write(OK);
        if (Math.random() < 0.3) setTimeout(() => socket.end(), Math.random() * 5);
      },
    ],
    [
      "resets before its answer, now and then",
      async (_, { socket, write }) => {
        if (Math.random() < 0.05) socket.terminate();
        else await write(OK);
      },
    ],
    [
      "answers what is no HTTP",
      async (_, { socket, write }) => {
        await write("\0\u00ff\u0001 garbage\r\n\r\n");
        socket.end();
      },
    ],
    ["takes requests and never answers", () => {}],
  ];
  test.each(parts)("a backend that %s", async (_, failing) => {
    await using good = startHelloBackends(2);
    using bad = rawBackend((request, connection) =>
      request.target === HEALTH_PATH ? connection.write(OK) : failing(request, connection),
    );
    await using gateway = await start([...good.urls, bad.url]);
    const load = ask(gateway);
    await load.more(1500);
    await load.stop();
    const got = bad.requests.filter(({ target }) => target === "/").length;
    expect(got).toBeGreaterThan(0);
    balance(await Books.of(gateway), load, load.failed);
  });
});
