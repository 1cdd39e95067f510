import { expect, test } from "bun:test";
import type { HistoryEvent, StateEvent } from "../../../src/control/dashboard/model.ts";
import { READY } from "../../../src/shared/process-state.ts";
import { ClientsInMemory } from "../../support/clients-in-memory.ts";
import { startControl } from "../../support/control-server.ts";
import { testDashboard } from "../../support/dashboard.ts";

const sample = (at: number, admitted: number) => ({
  at,
  admitted,
  limited: 0,
  refused: 0,
  failed: 0,
  p50: Number.NaN,
  p99: 1.23456,
  inFlight: 0,
});

/** The events of a stream, one at a time. */
async function* events(answer: Response): AsyncGenerator<[name: string, data: unknown]> {
  let rest = "";
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + chunk).split("\n\n");
    rest = blocks.pop()!;
    for (const block of blocks) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(block)!;
      yield [name!, JSON.parse(data!)];
    }
  }
}

async function next<T>(stream: ReturnType<typeof events>, wanted: string): Promise<T> {
  const { value } = await stream.next();
  const [name, data] = value as [string, unknown];
  expect(name).toBe(wanted);
  return data as T;
}

test("a listener gets the history, the state, and then each new second once", async () => {
  const dashboard = testDashboard(new ClientsInMemory());
  const { history, state } = dashboard;
  history.write(sample(1, 10));
  history.write(sample(2, 20));
  state.enter(READY);
  await using server = startControl({ dashboard });
  const answer = await server.fetch("/-/dashboard/events");
  expect(answer.headers.get("content-type")).toStartWith("text/event-stream");
  expect(answer.headers.get("cache-control")).toBe("no-store");
  const stream = events(answer);
  const past = await next<HistoryEvent>(stream, "history");
  expect(past.samples.map(([at, admitted]) => [at, admitted])).toEqual([
    [1, 10],
    [2, 20],
  ]);
  expect(past.samples[0]!.slice(5)).toEqual([null, 1.235, 0]);
  const first = await next<StateEvent>(stream, "state");
  expect(first).toMatchObject({ phase: "ready", clients: 0, samples: [], backends: [] });
  history.write(sample(3, 30));
  const second = await next<StateEvent>(stream, "state");
  expect(second.samples.map(([at]) => at)).toEqual([3]);
  const third = await next<StateEvent>(stream, "state");
  expect(third.samples).toEqual([]);
  await stream.return(undefined);
});

test("who leaves is forgotten, and with the last one the timer", async () => {
  const dashboard = testDashboard(new ClientsInMemory());
  await using server = startControl({ dashboard });
  const leaving = new AbortController();
  const answer = await server.fetch("/-/dashboard/events", { signal: leaving.signal });
  const stream = events(answer);
  await next(stream, "history");
  expect(dashboard.feed.listeners).toBe(1);
  leaving.abort();
  await stream.next().catch(() => {});
  const deadline = Date.now() + 5000;
  while (dashboard.feed.listeners > 0 && Date.now() < deadline) await Bun.sleep(10);
  expect(dashboard.feed.listeners).toBe(0);
});

test("who does not read is let go", async () => {
  const dashboard = testDashboard(new ClientsInMemory());
  // Nobody pulls from this one: every message waits.
  const answer = dashboard.feed.open();
  for (let second = 0; second < 40; second++) dashboard.feed.tell();
  expect(dashboard.feed.listeners).toBe(0);
  await answer.body!.cancel();
});

test("closing ends every stream, and no other begins", async () => {
  const dashboard = testDashboard(new ClientsInMemory());
  await using server = startControl({ dashboard });
  const answer = await server.fetch("/-/dashboard/events");
  dashboard.feed.close();
  expect(await answer.text()).toStartWith("event: history");
  expect((await server.fetch("/-/dashboard/events")).status).toBe(503);
  expect(dashboard.feed.listeners).toBe(0);
});
