// The supervisor over threads that a test plays: what it says to which of them, and when it replaces
// one. With real threads: test/behaviour/worker-death.test.ts.

import { afterEach, expect, jest, test } from "bun:test";
import { Supervisor } from "../../src/control/supervisor.ts";
import type { FromWorker, ToWorker } from "../../src/shared/messages.ts";
import { recordingLog } from "../support/database.ts";

class FakeThread extends EventTarget {
  readonly heard: ToWorker[] = [];
  ended = false;

  postMessage(message: ToWorker): void {
    if (!this.ended) this.heard.push(message);
  }

  says(message: FromWorker): void {
    this.dispatchEvent(new MessageEvent("message", { data: message }));
  }

  terminate(): void {
    this.ended = true;
    this.dispatchEvent(new Event("close"));
  }
}

type Reply = (message: ToWorker) => void;

function supervise(workers = 1) {
  const threads: FakeThread[] = [];
  const replies: Reply[] = [];
  const counts: { running: number; listening: number }[] = [];
  const { log, lines } = recordingLog();
  const supervisor = new Supervisor({
    workers,
    spawn: () => {
      threads.push(new FakeThread());
      return threads.at(-1) as unknown as Worker;
    },
    startMessage: (worker) => ({ type: "start", worker }) as ToWorker,
    onMessage: (_, reply) => replies.push(reply),
    onDeath: () => undefined,
    onCount: (running, listens) => counts.push({ running, listening: listens }),
    log,
  });
  supervisor.start();
  return { supervisor, threads, replies, lines, counts };
}

/** As after a start. */
async function listening(workers = 1) {
  const played = supervise(workers);
  for (const thread of played.threads) thread.says({ type: "loaded" });
  const listens = played.supervisor.listen({ host: "::", port: 80 });
  for (const thread of played.threads) thread.says({ type: "listening" });
  await listens;
  return played;
}

afterEach(() => void jest.useRealTimers());

const call: FromWorker = {
  type: "control-call",
  call: 1,
  port: "clients",
  operation: "get",
  args: ["a"],
};
const replyTo = (id: string): ToWorker => ({
  type: "control-reply",
  call: 1,
  result: { ok: true, value: id },
});

test("a reply that comes when its worker has died is not told to the replacement", () => {
  const { threads, replies } = supervise();
  threads[0]!.says(call);
  threads[0]!.terminate();
  threads[1]!.says(call);
  replies[0]!(replyTo("asked by the dead one"));
  replies[1]!(replyTo("asked by its replacement"));
  expect(threads[1]!.heard.slice(1)).toEqual([replyTo("asked by its replacement")]);
});

test("a worker that cannot listen ends the start", async () => {
  const { supervisor, threads } = supervise();
  threads[0]!.says({ type: "loaded" });
  const listens = supervisor.listen({ host: "::", port: 80 });
  threads[0]!.says({ type: "failed", message: "EADDRINUSE" });
  expect(await listens.catch((error: unknown) => error)).toMatchObject({
    exitCode: 69,
    message: "a worker cannot listen: EADDRINUSE",
  });
});

test("a replacement that cannot listen is logged and replaced, later and later", async () => {
  jest.useFakeTimers();
  const { supervisor, threads, lines } = await listening();
  threads[0]!.terminate();
  for (const [delay, thread] of [
    [200, 1],
    [400, 2],
    [800, 3],
  ] as const) {
    threads[thread]!.says({ type: "loaded" });
    threads[thread]!.says({ type: "failed", message: "EMFILE" });
    expect(threads[thread]!.ended).toBe(true);
    expect(lines.at(-1)).toContain("cannot listen: EMFILE");
    jest.advanceTimersByTime(delay - 1);
    expect(threads).toHaveLength(thread + 1);
    jest.advanceTimersByTime(1);
    expect(threads).toHaveLength(thread + 2);
  }
  threads[4]!.says({ type: "loaded" });
  threads[4]!.says({ type: "listening" });
  const held = supervisor.hold();
  threads[4]!.says({ type: "held" });
  await held;
});

test("a worker that runs and does not listen is told apart from one that does", async () => {
  jest.useFakeTimers();
  const { threads, counts } = await listening(2);
  const now = () => counts.at(-1);
  expect(now()).toEqual({ running: 2, listening: 2 });
  threads[0]!.terminate();
  expect(now()).toEqual({ running: 2, listening: 1 });
  threads[2]!.says({ type: "loaded" });
  threads[2]!.says({ type: "failed", message: "EMFILE" });
  expect(now()).toEqual({ running: 1, listening: 1 });
  jest.advanceTimersByTime(1000);
  expect(now()).toEqual({ running: 2, listening: 1 });
  threads[3]!.says({ type: "loaded" });
  threads[3]!.says({ type: "listening" });
  expect(now()).toEqual({ running: 2, listening: 2 });
});

test("a worker that is to be replaced is replaced once, whatever a hold does meanwhile", async () => {
  jest.useFakeTimers();
  const { supervisor, threads } = await listening();
  threads[0]!.terminate();
  threads[1]!.terminate();
  await supervisor.hold();
  supervisor.release();
  expect(threads).toHaveLength(3);
  jest.advanceTimersByTime(10_000);
  expect(threads).toHaveLength(3);
});

test("a worker that is loaded when the others drain does not listen any more", async () => {
  const { supervisor, threads } = await listening(2);
  threads[0]!.terminate();
  const drained = supervisor.drain(10_000);
  threads[2]!.says({ type: "drained" });
  threads[2]!.says({ type: "loaded" });
  expect(threads[2]!.heard.map(({ type }) => type)).toEqual(["start", "drain"]);
  threads[1]!.says({ type: "drained" });
  expect(await drained).toBe(true);
});

test("a worker that answers a hold when it is over is not taken for held by the next one", async () => {
  const { supervisor, threads } = await listening();
  void supervisor.hold();
  supervisor.release();
  threads[0]!.says({ type: "held" });
  let held = false;
  const next = supervisor.hold().then(() => (held = true));
  await new Promise(setImmediate);
  expect(held).toBe(false);
  threads[0]!.says({ type: "held" });
  await next;
});

test("a takeover in the middle of a drain does not keep it from ending", async () => {
  const { supervisor, threads } = await listening(2);
  const drained = supervisor.drain(10_000);
  threads[0]!.says({ type: "drained" });
  const held = supervisor.hold();
  for (const thread of threads) thread.says({ type: "held" });
  await held;
  const left = supervisor.leavePort();
  for (const thread of threads) thread.says({ type: "left-port" });
  await left;
  threads[0]!.says({ type: "empty" });
  threads[1]!.says({ type: "drained" });
  expect(await drained).toBe(true);
});

test("a takeover that fails in the middle of a drain replaces no worker", async () => {
  const { supervisor, threads } = await listening(2);
  void supervisor.hold();
  threads[0]!.terminate();
  const drained = supervisor.drain(60_000);
  supervisor.release();
  expect(threads).toHaveLength(2);
  threads[1]!.says({ type: "drained" });
  expect(await drained).toBe(true);
});
