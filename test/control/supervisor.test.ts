// The supervisor over threads that a test plays: what it says to which of them, and when it replaces
// one. With real threads: test/behaviour/worker-death.test.ts.

import { expect, test } from "bun:test";
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
    onListening: () => undefined,
    log,
  });
  supervisor.start();
  return { supervisor, threads, replies, lines };
}

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
