// Bun's counter starts at 0 in each thread: without calibration a worker started late would see
// every bucket in the far future. The real-thread test compares both clocks at one moment.

import { expect, test } from "bun:test";
import {
  answerClockPing,
  calibrate,
  mainClock,
  type ClockPing,
  type ClockPong,
} from "../../src/shared/clock.ts";

test("the shortest round trip decides the offset", async () => {
  // The worker's count is 1,000,000 behind; trips take 40,000 out and 40,000 back, but for one of
  // 100 each way. A slow trip is lopsided, so it would give a wrong offset.
  let now = 0;
  let round = 0;
  const ask = async (ping: ClockPing): Promise<ClockPong> => {
    const quick = round++ === 5;
    now += quick ? 100 : 70_000;
    const pong = answerClockPing(ping, () => now + 1_000_000);
    now += quick ? 100 : 10_000;
    return pong;
  };
  const result = await calibrate(ask, () => now);
  expect(result).toEqual({ offset: 1_000_000, uncertainty: 100 });
  // Certain enough by then: ten more would only delay the start.
  expect(round).toBe(6);
});

test("the main clock counts whole nanoseconds and never steps back", () => {
  const clock = mainClock();
  let last = clock();
  const wall = performance.now();
  for (let i = 0; i < 10_000; i++) {
    const now = clock();
    expect(Number.isInteger(now) && now >= last).toBe(true);
    last = now;
  }
  const span = (performance.now() - wall) * 1e6;
  expect(clock() - last).toBeLessThan(span + 1e9);
});

test("a worker's clock shows the main thread's time", async () => {
  // Both sides read their clock between the same two writes to shared memory, so the worker's
  // reading must lie between two readings of the main thread.
  const clock = mainClock();
  const shared = new SharedArrayBuffer(16);
  const flag = new Int32Array(shared, 0, 1);
  const reading = new Float64Array(shared, 8, 1);
  const worker = new Worker(new URL("../support/clock-worker.ts", import.meta.url));
  try {
    const uncertainty = await new Promise<number>((resolve, reject) => {
      worker.onerror = (event) => reject(new Error(event.message));
      worker.onmessage = ({ data }: MessageEvent) => {
        if (data.type === "clock-ping") worker.postMessage(answerClockPing(data));
        else resolve(data.uncertainty);
      };
      worker.postMessage({ shared });
    });
    expect(uncertainty).toBeLessThan(5e6);
    for (let round = 0; round < 20; round++) {
      const before = clock();
      Atomics.store(flag, 0, 1);
      Atomics.notify(flag, 0);
      while (Atomics.load(flag, 0) !== 0) Atomics.wait(flag, 0, 1, 1_000);
      const after = clock();
      expect(reading[0]!).toBeGreaterThanOrEqual(before - uncertainty);
      expect(reading[0]!).toBeLessThanOrEqual(after + uncertainty);
    }
  } finally {
    worker.terminate();
  }
});
