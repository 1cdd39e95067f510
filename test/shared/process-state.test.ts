import { expect, test } from "bun:test";
import { DRAINING, ProcessState, READY, STARTING } from "../../src/shared/process-state.ts";

function setUp() {
  const memory = ProcessState.reserve();
  return { main: new ProcessState(memory), worker: new ProcessState(memory) };
}

test("ready only between start and drain, and only with an open backend", () => {
  const { main, worker } = setUp();
  expect(worker.readiness(3)).toEqual({ ready: false, reason: "The gateway is starting." });
  main.enter(READY);
  expect(worker.readiness(3)).toEqual({ ready: true });
  expect(worker.readiness(0)).toEqual({ ready: false, reason: "No backend is open to requests." });
  main.enter(DRAINING);
  expect(worker.readiness(3)).toEqual({ ready: false, reason: "The gateway is draining." });
});

test("a database that is down leaves the gateway ready", () => {
  const { main, worker } = setUp();
  main.enter(READY);
  main.setDatabaseUp(true);
  expect(worker.databaseUp).toBe(true);
  main.setDatabaseUp(false);
  expect(worker.databaseUp).toBe(false);
  expect(worker.readiness(1)).toEqual({ ready: true });
});

test("a drain is never taken back", () => {
  const { main, worker } = setUp();
  main.enter(DRAINING);
  main.enter(READY);
  main.enter(STARTING);
  expect(worker.phase).toBe(DRAINING);
});

test("workers that run and workers that listen are told apart", () => {
  const { main, worker } = setUp();
  main.setWorkers(4, 3);
  expect([worker.workersUp, worker.workersReady]).toEqual([4, 3]);
});
