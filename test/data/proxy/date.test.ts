// Every answer has a date (RFC 9110 §6.6.1): the backend's, or else the gateway's.

import { describe, expect, setSystemTime, spyOn, test } from "bun:test";
import { dateDue, dateLine } from "../../../src/data/http1/date.ts";
import { DeadlineWheel } from "../../../src/data/http1/deadlines.ts";
import { answering, OK, rawBackend } from "../../support/backend.ts";
import { requestText, startProxy, TRANSPORTS } from "../../support/proxy.ts";
import { type RawAnswer, RawClient, valuesOf } from "../../support/raw-client.ts";

const FORM = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;
const NAMED_DATE = "\r\nConnection: date\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\n\r\n";

function expectNow(answer: RawAnswer): void {
  const dates = valuesOf(answer, "date");
  expect(dates).toEqual([expect.stringMatching(FORM)]);
  expect(Math.abs(Date.parse(dates[0]!) - Date.now())).toBeLessThan(5000);
}

test("the text is made anew with each second, forwards and back, and not before", () => {
  using made = spyOn(Date.prototype, "toUTCString");
  using looked = spyOn(Date, "now");
  const at = (time: string): string => {
    setSystemTime(new Date(time));
    dateDue();
    return dateLine().text;
  };
  try {
    expect(at("2031-03-04T05:06:07.100Z")).toBe("Date: Tue, 04 Mar 2031 05:06:07 GMT\r\n");
    expect(at("2031-03-04T05:06:07.999Z")).toBe("Date: Tue, 04 Mar 2031 05:06:07 GMT\r\n");
    expect(made).toHaveBeenCalledTimes(1);
    expect(at("2031-03-04T05:06:08.000Z")).toBe("Date: Tue, 04 Mar 2031 05:06:08 GMT\r\n");
    expect(at("2031-03-04T04:06:08.000Z")).toBe("Date: Tue, 04 Mar 2031 04:06:08 GMT\r\n");
    for (let i = 0; i < 5; i++) dateLine();
    expect(looked).toHaveBeenCalledTimes(4);
  } finally {
    setSystemTime();
    dateDue();
  }
});

test("a tick of the deadlines makes it new", () => {
  const wheel = new DeadlineWheel(0);
  try {
    setSystemTime(new Date("2031-03-04T05:06:07.100Z"));
    wheel.advance(1);
    const first = dateLine();
    setSystemTime(new Date("2031-03-04T05:06:08.100Z"));
    expect(dateLine()).toBe(first);
    wheel.advance(2);
    expect(dateLine().text).toBe("Date: Tue, 04 Mar 2031 05:06:08 GMT\r\n");
  } finally {
    setSystemTime();
    dateDue();
  }
});

describe.each(TRANSPORTS)("%s", (transport) => {
  test.each([
    ["OPTIONS", "OPTIONS *", 200],
    ["a refusal", "TRACE /", 405],
    ["a doubled id", "GET /?client_id=a&client_id=a", 400],
    ["no backend", "GET /", 503],
    ["no token", "GET /?client_id=empty", 429],
    ["what is no request", "GET * ", 400],
  ])("the gateway's own answers are dated: %s", async (_, line, status) => {
    const clients = { empty: { capacity: 1, ratePerSec: 0.001, tokens: 0 } };
    await using proxy = startProxy({ transport, backends: [], clients });
    using client = await RawClient.connect(proxy.port);
    const answer = await client.exchange(requestText(line));
    expect(answer.status).toBe(status);
    expectNow(answer);
  });

  test("a backend that failed is told with a date", async () => {
    using backend = rawBackend((_, { socket }) => void socket.end());
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    const answer = await client.exchange(requestText("POST /", { "Content-Length": "0" }));
    expect(answer.status).toBe(502);
    expectNow(answer);
  });

  test("a backend's answer keeps its own date, whatever it says", async () => {
    const dated = OK.replace("\r\n\r\n", "\r\ndAte: Tue, 15 Nov 1994 08:12:31 GMT\r\n\r\n");
    using backend = rawBackend(answering(dated));
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    const answer = await client.exchange(requestText("GET /"));
    expect(valuesOf(answer, "date")).toEqual(["Tue, 15 Nov 1994 08:12:31 GMT"]);
  });

  test.each([
    ["a body", OK],
    ["none", "HTTP/1.1 304 Not Modified\r\n\r\n"],
    ["the end of the connection", "HTTP/1.0 200 OK\r\n\r\nok"],
    ["one that Connection names", OK.replace("\r\n\r\n", NAMED_DATE)],
  ])("a backend's answer without a date gets one: with %s", async (_, text) => {
    using backend = rawBackend(async (_request, { write, socket }) => {
      await write(text);
      if (text.includes("/1.0")) socket.end();
    });
    await using proxy = startProxy({ transport, backends: [backend.url] });
    using client = await RawClient.connect(proxy.port);
    expectNow(await client.exchange(requestText("GET /")));
  });
});
