// How long a backend may take no more of a request. What a kernel takes at once is not for a test to say:
// the sockets here are stand-ins that take as many bytes as they are told.

import { expect, test } from "bun:test";
import { Call, type CallFailure, type CallOwner } from "../../../src/data/http1/call.ts";
import { DeadlineWheel } from "../../../src/data/http1/deadlines.ts";
import { UpstreamConnection } from "../../../src/data/http1/upstream-connection.ts";
import { UpstreamPool } from "../../../src/data/http1/upstream-pool.ts";
import type { RawSocket } from "../../../src/data/http1/wire.ts";

const HEAD_MS = 20_000;
const ANSWER = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");

class NarrowSocket implements RawSocket {
  readonly remoteAddress = "127.0.0.1";
  room = 0;

  write(_: unknown, __?: number, length = 0): number {
    const taken = Math.min(length, this.room);
    this.room -= taken;
    return taken;
  }
  pause(): void {}
  resume(): void {}
  shutdown(): void {}
  end(): void {}
  terminate(): void {}
}

class Owner implements CallOwner {
  readonly toHead = false;
  readonly upgrade = false;
  readonly failures: CallFailure[] = [];
  drains = 0;
  answers = 0;

  onInterim(): void {}
  onAnswer(): void {
    this.answers++;
  }
  onAnswerBody(): void {}
  onAnswerRead(): void {}
  onCallDrain(): void {
    this.drains++;
  }
  onCallFailure(failure: CallFailure): void {
    this.failures.push(failure);
  }
}

interface Connecting {
  readonly wheel: DeadlineWheel;
  readonly pool: UpstreamPool;
  readonly socket: NarrowSocket;
  readonly connection: UpstreamConnection;
  readonly owner: Owner;
  readonly call: Call;
}

/** A request of 1000 bytes, of which more is to come, waits for its connection. */
function connecting(): Connecting {
  const wheel = new DeadlineWheel(0);
  const limits = { headMs: HEAD_MS };
  const pool = new UpstreamPool({ hostname: "127.0.0.1", port: 1, deadlines: wheel, limits });
  const connection = new UpstreamConnection(pool);
  const owner = new Owner();
  const call = new Call(owner, false);
  connection.begin(call, Buffer.alloc(1000), 1000);
  const socket = new NarrowSocket();
  expect(connection.onConnected(socket)).toBe(true);
  return { wheel, pool, socket, connection, owner, call };
}

test("a backend that takes only part of what waited for the connection is not waited for for ever", () => {
  const { wheel, socket, connection, owner } = connecting();
  socket.room = 600;
  connection.onReady();
  wheel.advance(HEAD_MS - 1000);
  expect(owner.failures).toEqual([]);
  wheel.advance(HEAD_MS + 1000);
  expect(owner.failures).toEqual(["header_timeout"]);
  expect(owner.drains).toBe(0);
});

test("one that takes more of it has new time", () => {
  const { wheel, socket, connection, owner } = connecting();
  socket.room = 600;
  connection.onReady();
  wheel.advance(HEAD_MS - 1000);
  socket.room = 300;
  connection.onDrain();
  wheel.advance(2 * HEAD_MS - 2000);
  expect(owner.failures).toEqual([]);
  wheel.advance(2 * HEAD_MS);
  expect(owner.failures).toEqual(["header_timeout"]);
});

test("one that took all of it is not waited for while the client is the one to send", () => {
  const { wheel, socket, connection, owner } = connecting();
  socket.room = 600;
  connection.onReady();
  socket.room = 400;
  connection.onDrain();
  expect(owner.drains).toBe(1);
  wheel.advance(10 * HEAD_MS);
  expect(owner.failures).toEqual([]);
});

test("a kept connection that takes only part of the next request is not waited for for ever either", () => {
  const { wheel, pool, socket, connection, owner, call } = connecting();
  socket.room = 1001;
  connection.onReady();
  call.write(Buffer.alloc(1), 0, 1, true, true);
  connection.onData(ANSWER, ANSWER.length);
  expect(owner.answers).toBe(1);
  expect(pool.idle).toBe(1);

  const next = new Owner();
  pool.writer.reset().text("x".repeat(1000));
  socket.room = 600;
  expect(pool.call(next, false).reused).toBe(true);
  wheel.advance(HEAD_MS - 1000);
  expect(next.failures).toEqual([]);
  wheel.advance(HEAD_MS + 1000);
  expect(next.failures).toEqual(["header_timeout"]);
});
